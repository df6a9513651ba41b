package reconcile

import (
	"context"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
)

// queue hands out CIDs to reconcile. A CID is never handed to two workers at a time; added again while a worker has it, it
// comes round once more. Those that somebody waits for go first, then fresh changes, then what a scan found.
type queue struct {
	mu      sync.Mutex
	urgent  []cid.Cid
	fresh   []cid.Cid
	scanned []cid.Cid
	entries map[cid.Cid]queueEntry
	waiting int // entries that no worker has
	timers  map[cid.Cid]*time.Timer
	wake    chan struct{} // holds a token while there may be something to take
	room    chan struct{} // closed and replaced when something was taken
	closed  bool
}

type queueEntry struct {
	taken  bool // a worker has it
	again  bool // added meanwhile
	urgent bool // in the list of those that somebody waits for
}

func newQueue() *queue {
	return &queue{
		entries: make(map[cid.Cid]queueEntry),
		timers:  make(map[cid.Cid]*time.Timer),
		wake:    make(chan struct{}, 1),
		room:    make(chan struct{}),
	}
}

// add queues c. Fresh ones overtake those that a scan found.
func (q *queue) add(c cid.Cid, fresh bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.push(c, fresh)
}

func (q *queue) push(c cid.Cid, fresh bool) {
	if q.closed {
		return
	}
	if t, ok := q.timers[c]; ok {
		t.Stop()
		delete(q.timers, c)
	}
	if e, ok := q.entries[c]; ok {
		e.again = e.taken
		q.entries[c] = e
		return
	}
	q.entries[c] = queueEntry{}
	q.waiting++
	if fresh {
		q.fresh = append(q.fresh, c)
	} else {
		q.scanned = append(q.scanned, c)
	}
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// awaitRoom waits until few enough CIDs wait for a worker.
func (q *queue) awaitRoom(ctx context.Context, limit int) error {
	for {
		q.mu.Lock()
		waiting, room := q.waiting, q.room
		q.mu.Unlock()
		if waiting < limit {
			return nil
		}
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// promote puts c before all that nobody waits for, if it waits for a worker.
func (q *queue) promote(c cid.Cid) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e, ok := q.entries[c]; ok && !e.taken && !e.urgent {
		e.urgent = true
		q.entries[c] = e
		q.urgent = append(q.urgent, c) // it stays in the other list, where pop passes over it
		q.signal()
	}
}

// addAfter queues c once d has passed, unless it is queued sooner.
func (q *queue) addAfter(c cid.Cid, d time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.timers[c] != nil {
		return
	}
	q.timers[c] = time.AfterFunc(d, func() { q.add(c, false) })
}

// take waits for a CID and gives it to the caller, who must call done.
func (q *queue) take(ctx context.Context) (cid.Cid, error) {
	for {
		if c, ok := q.pop(); ok {
			return c, nil
		}
		select {
		case <-ctx.Done():
			return cid.Undef, ctx.Err()
		case <-q.wake:
		}
	}
}

func (q *queue) pop() (cid.Cid, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, list := range []*[]cid.Cid{&q.urgent, &q.fresh, &q.scanned} {
		for len(*list) > 0 {
			c := (*list)[0]
			*list = (*list)[1:]
			e, ok := q.entries[c]
			if !ok || e.taken || (e.urgent && list != &q.urgent) {
				continue // it was taken from the urgent list, or will be
			}
			q.entries[c] = queueEntry{taken: true}
			q.waiting--
			close(q.room)
			q.room = make(chan struct{})
			if q.waiting > 0 {
				q.signal() // pass the token on to another worker
			}
			return c, true
		}
	}
	return cid.Undef, false
}

// done gives c back; it is queued again if it was added meanwhile.
func (q *queue) done(c cid.Cid) {
	q.mu.Lock()
	defer q.mu.Unlock()
	again := q.entries[c].again
	delete(q.entries, c)
	if again {
		q.push(c, true)
	}
}

// len counts the CIDs that wait for a worker.
func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting
}

// close stops the timers; nothing is queued any more.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for _, t := range q.timers {
		t.Stop()
	}
	clear(q.timers)
}
