package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/request"
)

// callProtocol carries HTTP between the peers: one request a stream.
const callProtocol = "/underlay/http/1"

// callDialTimeout is how long a call may wait for the other peer to accept it.
const callDialTimeout = 5 * time.Second

// calls carries HTTP between the members of the cluster, over the private network. It is the listener of what this peer
// serves to the members, and the transport to what they serve. Whoever serves them needs to know nothing of libp2p.
type calls struct {
	host    host.Host
	members func(context.Context) ([]peer.ID, error)

	incoming  chan net.Conn
	transport *http.Transport

	ending  context.Context // ends when the listener closes
	end     context.CancelFunc
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup // incoming streams that nobody has accepted yet
}

var _ net.Listener = (*calls)(nil)

func newCalls(h host.Host, members func(context.Context) ([]peer.ID, error)) *calls {
	c := &calls{host: h, members: members, incoming: make(chan net.Conn)}
	c.ending, c.end = context.WithCancel(context.Background())
	c.transport = &http.Transport{
		DialContext:        c.dial,
		DisableKeepAlives:  true, // a stream costs nothing, and one to a process that has died is never used again
		DisableCompression: true,
	}
	h.SetStreamHandler(callProtocol, c.handle)
	return c
}

// handle waits until the stream is accepted. Those who are no members, or no more, get no answer.
func (c *calls) handle(s network.Stream) {
	if !c.begin() {
		_ = s.Reset()
		return
	}
	defer c.running.Done()
	members, err := c.members(c.ending)
	if err != nil || !slices.Contains(members, s.Conn().RemotePeer()) {
		_ = s.Reset()
		return
	}
	if c.deliver(c.ending, &callConn{Stream: s, close: s.Close}) != nil {
		_ = s.Reset()
	}
}

func (c *calls) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.running.Add(1)
	}
	return !c.closed
}

// deliver hands a connection to Accept.
func (c *calls) deliver(ctx context.Context, conn net.Conn) error {
	select {
	case c.incoming <- conn:
		return nil
	case <-c.ending.Done():
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// dial opens a stream to the peer that the address names. A libp2p host cannot call itself; a pipe does it then.
func (c *calls) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	name, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("call peer %q: %w", addr, err)
	}
	id, err := peer.Decode(name)
	if err != nil {
		return nil, fmt.Errorf("call peer %q: %w", name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, callDialTimeout)
	defer cancel()
	if id == c.host.ID() {
		here, there := net.Pipe()
		if err := c.deliver(ctx, there); err != nil {
			return nil, fmt.Errorf("call this peer itself: %w", err)
		}
		return here, nil
	}
	// Members stay connected: one that is not is down, and it would take long to find that out once more.
	s, err := c.host.NewStream(network.WithNoDial(ctx, "members stay connected"), id, callProtocol)
	if err != nil {
		return nil, fmt.Errorf("call peer %s: %w", id, err)
	}
	// Whether the answer has come or nobody waits for it any more: the other end need not go on.
	return &callConn{Stream: s, close: s.Reset}, nil
}

// Accept implements net.Listener.
func (c *calls) Accept() (net.Conn, error) {
	select {
	case conn := <-c.incoming:
		return conn, nil
	case <-c.ending.Done():
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener: it refuses further calls and waits for those that nobody has accepted. It may be called twice.
func (c *calls) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.host.RemoveStreamHandler(callProtocol)
	c.end()
	c.running.Wait()
	return nil
}

// Addr implements net.Listener.
func (c *calls) Addr() net.Addr { return callAddr(c.host.ID()) }

// callConn makes a stream a net.Conn; pointers to it are comparable, as a server wants.
type callConn struct {
	network.Stream
	close func() error
}

// Close implements net.Conn.
func (c *callConn) Close() error { return c.close() }

// LocalAddr implements net.Conn.
func (c *callConn) LocalAddr() net.Addr { return callAddr(c.Conn().LocalPeer()) }

// RemoteAddr implements net.Conn.
func (c *callConn) RemoteAddr() net.Addr { return callAddr(c.Conn().RemotePeer()) }

// callAddr is a peer ID as a network address.
type callAddr peer.ID

// Network implements net.Addr.
func (callAddr) Network() string { return "libp2p" }

func (a callAddr) String() string { return peer.ID(a).String() }

// Calls listens for the HTTP requests that members of the cluster, this one included, make of this peer. What serves
// them must have ended before Close.
func (p *Peer) Calls() net.Listener { return p.calls }

// Transport carries HTTP requests to the member whose ID is the host of the URL, each on a stream of its own: bodies
// stream in both directions, and the one who answers notices when the other gives up. Requests to what Calls of this
// peer serves work too.
func (p *Peer) Transport() http.RoundTripper {
	return request.Transport{RoundTripper: accountTransport{p.calls.transport}}
}

// Names lists the members of the cluster, this peer included, with what they call themselves. A peer that is in no
// cluster yet knows only itself.
func (p *Peer) Names(ctx context.Context) (map[peer.ID]string, error) {
	names := map[peer.ID]string{p.ID(): p.opts.Name}
	ids, err := p.consensus.Peers(ctx)
	if errors.Is(err, consensus.ErrNotMember) {
		return names, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list members: %w", err)
	}
	book, err := p.addressBook(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if _, known := names[id]; !known {
			names[id] = "" // until its record has come
		}
	}
	for _, m := range book {
		if _, member := names[m.ID]; member && m.ID != p.ID() {
			names[m.ID] = m.Name
		}
	}
	return names, nil
}
