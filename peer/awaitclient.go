package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/peer/reconcile"
)

// answerGrace is how much longer than a question stays open its answer may take.
const answerGrace = 3 * time.Second

var (
	errStreamEnded = errors.New("the stream has ended")
	errNoAnswer    = errors.New("no answer in time")
)

// awaitClient asks other peers whether they hold pins, each over one stream that stays open.
type awaitClient struct {
	host host.Host

	mu      sync.Mutex
	closed  bool
	streams map[peer.ID]*awaitCalls
	running sync.WaitGroup
}

func newAwaitClient(h host.Host) *awaitClient {
	return &awaitClient{host: h, streams: make(map[peer.ID]*awaitCalls)}
}

// ask returns the other's answer, or an error when the stream fails or the other does not answer in time.
func (c *awaitClient) ask(ctx context.Context, id peer.ID, r reconcile.AwaitRequest) (reconcile.AwaitReply, error) {
	calls, err := c.to(ctx, id)
	if err != nil {
		return reconcile.AwaitReply{}, err
	}
	number, answer := calls.begin(r)
	defer calls.forget(number)
	late := time.NewTimer(r.Timeout + answerGrace)
	defer late.Stop()
	select {
	case reply, ok := <-answer:
		if !ok {
			return reply, errStreamEnded
		}
		return reply, nil
	case <-late.C:
		calls.out.end() // the next question takes a new stream
		return reconcile.AwaitReply{}, errNoAnswer
	case <-ctx.Done():
		return reconcile.AwaitReply{}, ctx.Err()
	}
}

// to returns the stream to a peer, a new one if there is none.
func (c *awaitClient) to(ctx context.Context, id peer.ID) (*awaitCalls, error) {
	c.mu.Lock()
	calls := c.streams[id]
	c.mu.Unlock()
	if calls != nil {
		return calls, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerGrace)
	defer cancel()
	stream, err := c.host.NewStream(ctx, id, awaitProtocol, awaitProtocol1)
	if err != nil {
		return nil, fmt.Errorf("open stream: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if other := c.streams[id]; other != nil || c.closed {
		_ = stream.Reset() // somebody was faster
		if c.closed {
			return nil, ErrClosed
		}
		return other, nil
	}
	calls = newAwaitCalls(stream)
	c.streams[id] = calls
	c.running.Go(calls.out.run)
	c.running.Go(func() {
		each(stream, readAnswer, calls.answer)
		c.mu.Lock()
		delete(c.streams, id)
		c.mu.Unlock()
		calls.close()
	})
	return calls, nil
}

// close ends all streams and waits for those who serve them.
func (c *awaitClient) close() {
	c.mu.Lock()
	c.closed = true
	for _, calls := range c.streams {
		calls.out.end()
	}
	c.mu.Unlock()
	c.running.Wait()
}

// awaitCalls are the questions on one stream that are not answered yet.
type awaitCalls struct {
	out  *outbox
	form func(awaitQuestion, []byte) []byte // of a question

	mu    sync.Mutex
	last  uint64
	open  map[uint64]chan reconcile.AwaitReply
	ended bool
}

func newAwaitCalls(s network.Stream) *awaitCalls {
	form := awaitQuestion.append
	if s.Protocol() == awaitProtocol1 {
		form = awaitQuestion.append1
	}
	return &awaitCalls{out: newOutbox(s), form: form, open: make(map[uint64]chan reconcile.AwaitReply)}
}

// begin asks; the channel gets the answer, or is closed when the stream ends.
func (a *awaitCalls) begin(r reconcile.AwaitRequest) (uint64, <-chan reconcile.AwaitReply) {
	answer := make(chan reconcile.AwaitReply, 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		close(answer)
		return 0, answer
	}
	a.last++
	a.open[a.last] = answer
	question := awaitQuestion{a.last, r}
	a.out.post(func(to []byte) []byte { return a.form(question, to) })
	return a.last, answer
}

func (a *awaitCalls) forget(number uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.open, number)
}

func (a *awaitCalls) answer(got awaitAnswer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if answer, ok := a.open[got.number]; ok {
		delete(a.open, got.number)
		answer <- got.AwaitReply
	}
}

// close fails what is still open.
func (a *awaitCalls) close() {
	a.out.end()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	for _, answer := range a.open {
		close(answer)
	}
	clear(a.open)
}
