package consensus

import (
	"container/list"
	"context"
	"fmt"
	"sync"
)

// call is one Commit on its way.
type call struct {
	of    context.Context // the caller's, which names the request
	count int             // operations
	body  []byte          // the encoded operations
	done  chan callResult

	elem *list.Element // place in the queue, nil once taken; guarded by the queue
}

type callResult struct {
	commit Commit
	err    error
}

func newCall(of context.Context, count int, body []byte) *call {
	return &call{of: of, count: count, body: body, done: make(chan callResult, 1)}
}

// queue holds the calls that no entry holds yet, bounded by operations and
// bytes.
type queue struct {
	maxOps   int
	maxBytes int
	wake     chan struct{} // has a token while calls wait
	closing  chan struct{}

	mu     sync.Mutex
	calls  list.List
	ops    int
	bytes  int
	closed bool
}

func newQueue(maxOps, maxBytes int) *queue {
	return &queue{
		maxOps: maxOps, maxBytes: maxBytes,
		wake: make(chan struct{}, 1), closing: make(chan struct{}),
	}
}

// push appends a call, or fails with ErrOverloaded or ErrClosed.
func (q *queue) push(c *call) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	// An empty queue takes any call: one larger than the bound could never pass.
	if q.ops > 0 && (q.ops+c.count > q.maxOps || q.bytes+len(c.body) > q.maxBytes) {
		return fmt.Errorf("%w: %d operations", ErrOverloaded, q.ops)
	}
	c.elem = q.calls.PushBack(c)
	q.ops += c.count
	q.bytes += len(c.body)
	q.signal()
	return nil
}

// withdraw takes a call back. It reports false when an entry holds it already.
func (q *queue) withdraw(c *call) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if c.elem == nil {
		return false
	}
	q.remove(c)
	return true
}

func (q *queue) remove(c *call) {
	q.calls.Remove(c.elem)
	c.elem = nil
	q.ops -= c.count
	q.bytes -= len(c.body)
}

// take removes calls from the front: as many as fit the limits, at least one if
// any waits.
func (q *queue) take(maxOps, maxBytes int) (calls []*call, ops int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	size := 0
	for q.calls.Len() > 0 {
		c := q.calls.Front().Value.(*call)
		if ops > 0 && (ops+c.count > maxOps || size+len(c.body) > maxBytes) {
			break
		}
		q.remove(c)
		calls = append(calls, c)
		ops += c.count
		size += len(c.body)
	}
	if q.calls.Len() > 0 {
		q.signal()
	}
	return calls, ops
}

// size tells how much waits.
func (q *queue) size() (ops, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ops, q.bytes
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// close turns later calls away and fails the waiting ones.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.closed = true
	close(q.closing)
	for q.calls.Len() > 0 {
		c := q.calls.Front().Value.(*call)
		q.remove(c)
		c.done <- callResult{err: ErrClosed}
	}
}
