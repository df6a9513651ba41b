package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	rpc "github.com/libp2p/go-libp2p-gorpc"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
)

// serviceProtocol carries the calls between peers that the orchestrator does not know: greeting and joining.
const serviceProtocol = "/underlay/peer/1"

// ErrClosed reports a call to a peer that is closing.
var ErrClosed = errors.New("the peer is closing")

// Hello is what peers tell each other when they connect.
type Hello struct {
	Name      string
	Version   string
	Process   string          // differs from start to start
	Node      peer.ID         // identity of the embedded node
	NodeAddrs []api.Multiaddr // where that node listens
	HasState  bool            // it belongs, or once belonged, to a cluster
	HasLeader bool            // and is in touch with that cluster's leader
	Members   []peer.ID       // that cluster's members, as far as it knows
	Genesis   []peer.ID       // the first members that it has given its word for, see package genesis
}

// Life tells one process from another that has the same identity.
type Life struct {
	Process string
	Started time.Time // by its own clock
}

// JoinRequest says who wants to become a member; its ID is that of the connection.
type JoinRequest struct {
	Name    string
	Version string
	Addrs   []api.Multiaddr // where the others reach it
	Slot    string          // see member; peers of older versions leave this and the next one out
	Machine string
}

// JoinReply answers a peer that wants to become a member.
type JoinReply struct {
	Refused string // why not; empty: it is a member now
	Members []peer.ID
}

// PeerService is what a peer answers to the others. Exported only because the RPC library wants it so.
type PeerService struct {
	life  Life
	hello func(context.Context, peer.ID, Hello) Hello
	join  func(context.Context, peer.ID, JoinRequest) (JoinReply, error)

	ending  context.Context // ends the calls that run when the service closes
	end     context.CancelFunc
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

// newPeerService makes the service from what it answers; close must be called.
func newPeerService(life Life, hello func(context.Context, peer.ID, Hello) Hello,
	join func(context.Context, peer.ID, JoinRequest) (JoinReply, error),
) *PeerService {
	s := &PeerService{life: life, hello: hello, join: join}
	s.ending, s.end = context.WithCancel(context.Background())
	return s
}

// Hello answers a greeting with this peer's own.
func (s *PeerService) Hello(ctx context.Context, in Hello, out *Hello) error {
	return s.run(ctx, func(ctx context.Context) error {
		caller, _ := rpc.GetRequestSender(ctx) // nobody: this process itself
		*out = s.hello(ctx, caller, in)
		return nil
	})
}

// Life tells which process this is.
func (s *PeerService) Life(ctx context.Context, _ struct{}, out *Life) error {
	return s.run(ctx, func(context.Context) error { *out = s.life; return nil })
}

// Join makes the caller a member of this peer's cluster.
func (s *PeerService) Join(ctx context.Context, in JoinRequest, out *JoinReply) error {
	return s.run(ctx, func(ctx context.Context) error {
		caller, err := rpc.GetRequestSender(ctx)
		if err != nil {
			return fmt.Errorf("find out who wants to join: %w", err)
		}
		*out, err = s.join(ctx, caller, in)
		return err
	})
}

func (s *PeerService) run(ctx context.Context, f func(context.Context) error) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.running.Add(1)
	s.mu.Unlock()
	defer s.running.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ending, cancel)()
	return f(ctx)
}

// close refuses further calls, ends those that run and waits for them.
func (s *PeerService) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.running.Wait()
}

// register serves s on the host and returns a client for the same service of other peers (and of this one).
func (s *PeerService) register(h host.Host) (*rpc.Client, error) {
	server := rpc.NewServer(h, serviceProtocol)
	if err := server.RegisterName("Peer", s); err != nil {
		return nil, fmt.Errorf("register peer service: %w", err)
	}
	return rpc.NewClientWithServer(h, serviceProtocol, server), nil
}
