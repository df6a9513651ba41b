package peer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/libp2p/go-libp2p/core/peer"
)

// waitingService greets with the name "one"; its Join says that it runs and then waits for the end of its context.
func waitingService(members ...peer.ID) (s *PeerService, running <-chan struct{}) {
	someID := peer.ID("\x00\x04node") // short, but of the right form
	began := make(chan struct{}, 8)
	return newPeerService(Life{},
		func(context.Context, peer.ID, Hello) Hello {
			return Hello{Name: "one", Node: someID, Members: members, HasState: true}
		},
		func(ctx context.Context, _ peer.ID, _ JoinRequest) (JoinReply, error) {
			began <- struct{}{}
			<-ctx.Done()
			return JoinReply{}, ctx.Err()
		}), began
}

func TestServiceRefusesCallsOnceClosed(t *testing.T) {
	s, _ := waitingService()
	var hello Hello
	if err := s.Hello(t.Context(), Hello{}, &hello); err != nil || hello.Name != "one" {
		t.Errorf("before: %+v, %v", hello, err)
	}
	s.close()
	s.close() // as often as one likes
	hello = Hello{}
	if err := s.Hello(t.Context(), Hello{}, &hello); !errors.Is(err, ErrClosed) || hello.Name != "" {
		t.Errorf("after: %+v, %v", hello, err)
	}
}

func TestServiceEndsRunningCallsAndWaitsForThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leave := make(chan struct{})
		s := newPeerService(Life{}, nil, nil)
		call := func(ctx context.Context) error {
			<-ctx.Done()
			<-leave // it has something to put away first
			return ctx.Err()
		}
		const calls = 3
		results := make(chan error, calls)
		for range calls {
			go func() { results <- s.run(t.Context(), call) }()
		}
		synctest.Wait() // all calls run
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			s.close()
		}()
		synctest.Wait() // all calls are told to end
		select {
		case <-closed:
			t.Error("closed while calls run")
		default:
		}
		close(leave)
		<-closed
		for range calls {
			if err := <-results; !errors.Is(err, context.Canceled) {
				t.Errorf("a call ended with %v", err)
			}
		}
	})
}

func TestServiceCallEndsWithItsCaller(t *testing.T) {
	s := newPeerService(Life{}, nil, nil)
	defer s.close()
	ctx, cancel := context.WithCancel(t.Context())
	running, result := make(chan struct{}), make(chan error, 1)
	go func() {
		result <- s.run(ctx, func(ctx context.Context) error {
			close(running)
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	<-running
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("the call ended with %v", err)
	}
}

func TestServiceAnswersOverTheNetwork(t *testing.T) {
	server, addr := newHost(t, testSecret(1))
	caller, _ := newHost(t, testSecret(1))
	s, running := waitingService(server.ID(), caller.ID())
	if _, err := s.register(server); err != nil {
		t.Fatal(err)
	}
	quiet, _ := waitingService()
	client, err := quiet.register(caller)
	if err != nil {
		t.Fatal(err)
	}
	self := func(context.Context) Hello { return Hello{Node: "\x00\x04self"} }
	m := &mesh{host: caller, client: client, self: self, heard: func(peer.ID, Hello) {}, logger: testLogger(), peers: make(map[string]acquaintance)}
	if err := m.connect(t.Context(), addr, server.ID()); err != nil {
		t.Fatal(err)
	}
	hello, err := m.greet(t.Context(), server.ID())
	if err != nil || hello.Name != "one" || !hello.HasState || len(hello.Members) != 2 {
		t.Errorf("greeted by %+v, %v", hello, err)
	}
	result := make(chan error, 1)
	go func() {
		result <- client.CallContext(t.Context(), server.ID(), "Peer", "Join", JoinRequest{}, new(JoinReply))
	}()
	<-running
	s.close()
	if err := <-result; err == nil {
		t.Error("the call that the closing ended has no error")
	}
	if _, err := m.greet(t.Context(), server.ID()); err == nil {
		t.Error("a closed service still answers")
	}
}
