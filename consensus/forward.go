package consensus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

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

// codeError says what a code means, nil for codeOK. It is for people, not to branch on.
func codeError(code int) error {
	switch code {
	case codeOK:
		return nil
	case codeNotLeader:
		return errors.New("this peer does not lead")
	case codeForgotten:
		return errors.New("its outcome is forgotten")
	case codeClosed:
		return ErrClosed
	case codeDiskFull:
		return ErrDiskFull
	default:
		return ErrUnknownOutcome
	}
}

// The RPC library wants exported types on the wire. These have no name at all,
// which it takes as well, and so stay private.
type (
	forwarded = struct {
		Entry []byte
		For   []string // the requests that it is for, as far as it is for any: see request.Pack
	}
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

// Propose appends an entry to the log. It is how earlier builds forward entries, and how those are that are for no request.
func (s *service) Propose(ctx context.Context, entry []byte, out *proposeReply) error {
	return s.ProposeFor(ctx, forwarded{Entry: entry}, out)
}

// ProposeFor is Propose for requests.
func (s *service) ProposeFor(ctx context.Context, in forwarded, out *proposeReply) error {
	from, _ := rpc.GetRequestSender(ctx) // there is none without a stream
	w := receive(in.For, s.c.opts.Tracer, "replicate")
	// A bad entry must not reach the log: it would stop every peer.
	if err := pinset.CheckEntry(in.Entry); err != nil {
		w.end(err)
		s.c.log.LogAttrs(ctx, slog.LevelWarn, "refused a forwarded entry", append(w.of.told(), slog.String("proposer", from.String()), slog.Any("error", err))...)
		out.Code = codeInvalid
		return nil
	}
	*out = s.c.lead(from, in.Entry, w)
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
	known  atomic.Pointer[leadership]
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

// propose has the leader append an entry, and tells it for which requests if it wants to know.
func (f *forwarder) propose(ctx context.Context, leader peer.ID, changed <-chan struct{}, entry []byte, of requests) proposeReply {
	method, args, out := "Propose", any(entry), new(proposeReply)
	if packed := of.pack(); packed != nil && f.takesRequests(ctx, leader, changed) {
		method, args = "ProposeFor", forwarded{Entry: entry, For: packed}
	}
	reached, err := f.call(ctx, leader, changed, method, args, out)
	if err == nil {
		return *out
	}
	f.known.Store(nil) // it may be another process soon
	if reached {
		return proposeReply{Code: codeUnknown}
	}
	return proposeReply{Code: codeNotLeader}
}

// leadership is what is known of a leader while it leads.
type leadership struct {
	changed       <-chan struct{} // closed when it ends
	takesRequests bool
}

// takesRequests asks the leader, once while it leads, whether it wants to know for which requests entries are. Earlier builds
// do not answer that. To call them for what they do not know is no way to find out: they would not read a large entry.
func (f *forwarder) takesRequests(ctx context.Context, leader peer.ID, changed <-chan struct{}) bool {
	if l := f.known.Load(); l != nil && l.changed == changed {
		return l.takesRequests
	}
	out := new(statsReply)
	if _, err := f.call(ctx, leader, changed, "Stats", struct{}{}, out); err != nil {
		return false
	}
	f.known.Store(&leadership{changed, out.TakesRequests})
	return out.TakesRequests
}
