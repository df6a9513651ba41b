package peer

import (
	"context"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/underlay/underlay/peer/reconcile"
)

const (
	// maxAwait bounds how long one question stays open.
	maxAwait = 10 * time.Second
	// maxAwaits bounds the questions of one stream that are open at a time; further ones are read when others are answered.
	maxAwaits = 4096
)

// awaitServer answers the questions of other peers.
type awaitServer struct {
	await   func(context.Context, reconcile.AwaitRequest) (reconcile.AwaitReply, error)
	ending  context.Context // ends all waits
	end     context.CancelFunc
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

// newAwaitServer makes a server whose close must be called.
func newAwaitServer(await func(context.Context, reconcile.AwaitRequest) (reconcile.AwaitReply, error)) *awaitServer {
	s := &awaitServer{await: await}
	s.ending, s.end = context.WithCancel(context.Background())
	return s
}

// handle serves one stream until it ends. Only peers that hold the secret reach it.
func (s *awaitServer) handle(stream network.Stream) {
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.running.Add(1)
	}
	s.mu.Unlock()
	if closed {
		_ = stream.Reset() // nobody answers
		return
	}
	defer s.running.Done()
	s.serve(stream)
}

func (s *awaitServer) serve(stream network.Stream) {
	out := newOutbox(stream)
	ctx, cancel := context.WithCancel(s.ending)
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, out.end)()
	work.Go(out.run)
	places := make(chan struct{}, maxAwaits)
	each(stream, readQuestion, func(q awaitQuestion) {
		places <- struct{}{}
		work.Go(func() {
			defer func() { <-places }()
			reply, err := s.await(ctx, q.AwaitRequest)
			if err != nil {
				reply.Error = err.Error()
			}
			out.post(awaitAnswer{q.number, reply}.append)
		})
	})
	out.end()
}

// close ends all waits and streams, and waits for those who serve them.
func (s *awaitServer) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.running.Wait()
}
