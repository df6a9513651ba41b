package consensus

import (
	"context"
	"fmt"

	rpc "github.com/libp2p/go-libp2p-gorpc"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/underlay/underlay/consensus/pinset"
)

const (
	forwardProtocol = protocol.ID("/underlay/consensus/1")
	forwardService  = "Consensus"
)

// Codes of the leader's answers. The RPC library carries errors as text, which
// nobody should branch on.
const (
	codeOK        = iota
	codeNotLeader // certainly nothing was changed: ask the leader
	codeUnknown   // something may have been changed
	codeForgotten // the entry's outcome is no longer known
	codeInvalid   // the entry or request makes no sense
	codeClosed    // the peer is stopping, nothing was changed
	codeDiskFull  // the leader has no space, nothing was changed
)

// The RPC library wants exported types on the wire. These have no name at all,
// which it takes as well, and so stay private.
type (
	proposeReply = struct {
		Code   int
		Index  uint64
		Packed []byte
	}
	indexReply = struct {
		Code  int
		Index uint64
	}
	memberReply = struct {
		Code    int
		Message string // for the caller's error, not to branch on
	}
)

// service is what a peer does for the others while it leads.
type service struct{ c *Consensus }

// Propose appends an entry to the log.
func (s *service) Propose(_ context.Context, entry []byte, out *proposeReply) error {
	// A bad entry must not reach the log: it would stop every peer.
	if err := pinset.CheckEntry(entry); err != nil {
		s.c.log.Warn("refused a forwarded entry", "error", err)
		out.Code = codeInvalid
		return nil
	}
	*out = s.c.proposeHere(entry)
	return nil
}

// ReadIndex returns the index that a linearizable read must wait for.
func (s *service) ReadIndex(_ context.Context, _ struct{}, out *indexReply) error {
	*out = s.c.readIndexHere()
	return nil
}

// Stats tells how far this peer is.
func (s *service) Stats(_ context.Context, _ struct{}, out *statsReply) error {
	*out = s.c.statsHere()
	return nil
}

// HasRoom reports whether this peer could lead, as far as its disk is concerned.
func (s *service) HasRoom(_ context.Context, _ struct{}, out *bool) error {
	*out = s.c.disk.hasRoom()
	return nil
}

// AddPeer makes a peer a member.
func (s *service) AddPeer(_ context.Context, id string, out *memberReply) error {
	*out = s.c.changeMemberHere(memberAdd, id)
	return nil
}

// RmPeer removes a member.
func (s *service) RmPeer(_ context.Context, id string, out *memberReply) error {
	*out = s.c.changeMemberHere(memberRemove, id)
	return nil
}

// forwarder calls the service of the leader.
type forwarder struct {
	host   host.Host
	client *rpc.Client
}

// newForwarder registers the service on the host. Each of its calls passes
// c.gate, because the RPC library cannot wait for them.
func newForwarder(c *Consensus) (*forwarder, error) {
	server := rpc.NewServer(c.host, forwardProtocol)
	if err := server.RegisterName(forwardService, &service{c: c}); err != nil {
		c.host.RemoveStreamHandler(forwardProtocol)
		return nil, fmt.Errorf("register consensus service: %w", err)
	}
	return &forwarder{host: c.host, client: rpc.NewClient(c.host, forwardProtocol)}, nil
}

func (f *forwarder) close() { f.host.RemoveStreamHandler(forwardProtocol) }

// call calls a method of the leader and gives up when the leader changes. It
// reports whether the call may have reached the leader. The reply must not be
// used after an error.
func (f *forwarder) call(ctx context.Context, leader peer.ID, changed <-chan struct{}, method string, args, out any) (reached bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		select {
		case <-changed:
			cancel()
		case <-ctx.Done():
		}
	}()
	defer func() {
		cancel()
		<-watching
	}()
	if err := f.host.Connect(ctx, peer.AddrInfo{ID: leader}); err != nil {
		return false, fmt.Errorf("connect to leader %s: %w", leader, err)
	}
	if err := f.client.CallContext(ctx, leader, forwardService, method, args, out); err != nil {
		return true, fmt.Errorf("call %s on leader %s: %w", method, leader, err)
	}
	return true, nil
}

func (f *forwarder) propose(ctx context.Context, leader peer.ID, changed <-chan struct{}, entry []byte) proposeReply {
	out := new(proposeReply)
	reached, err := f.call(ctx, leader, changed, "Propose", entry, out)
	switch {
	case err == nil:
		return *out
	case reached:
		return proposeReply{Code: codeUnknown}
	default:
		return proposeReply{Code: codeNotLeader}
	}
}
