package peer

import (
	"context"
	"sync"

	"github.com/libp2p/go-libp2p/core/network"
)

// streamServer serves the streams of one protocol. Only peers that hold the secret reach it.
type streamServer struct {
	serve   func(context.Context, network.Stream) // until the stream ends, or ctx does
	ending  context.Context
	end     context.CancelFunc
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

// newStreamServer makes a server whose close must be called.
func newStreamServer(serve func(context.Context, network.Stream)) *streamServer {
	s := &streamServer{serve: serve}
	s.ending, s.end = context.WithCancel(context.Background())
	return s
}

func (s *streamServer) handle(stream network.Stream) {
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
	ctx, cancel := context.WithCancel(s.ending)
	defer cancel()
	defer context.AfterFunc(s.ending, func() { _ = stream.Reset() })()
	s.serve(ctx, stream)
}

// close ends all streams and waits for those who serve them.
func (s *streamServer) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.running.Wait()
}
