package consensus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const raftProtocol protocol.ID = "/underlay/raft/1"

// holdDial is how long a dial to an unreachable peer waits for the peer to come
// back. raft doubles its pause after each failed call, up to ten seconds: a dial
// that fails late keeps that pause short, so a restarted peer is served at once.
const holdDial = 15 * time.Second

// streams carries raft's calls over libp2p streams. It implements
// raft.StreamLayer, and unlike raft's own transport it can wait for the
// handlers of incoming streams: see cut.
type streams struct {
	host     host.Host
	incoming chan net.Conn
	ctx      context.Context // ends outgoing dials; cancelled by cut
	cancel   context.CancelFunc
	closed   chan struct{} // ends Accept
	once     sync.Once
	notifiee network.Notifiee

	mu        sync.Mutex
	isCut     bool
	open      map[*conn]struct{}
	handlers  sync.WaitGroup // incoming conns not closed by raft yet
	connected chan struct{}  // closed and replaced when any peer connects
}

var _ raft.StreamLayer = (*streams)(nil)

func newStreams(h host.Host) *streams {
	s := &streams{
		host:      h,
		incoming:  make(chan net.Conn),
		closed:    make(chan struct{}),
		open:      make(map[*conn]struct{}),
		connected: make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.notifiee = &network.NotifyBundle{ConnectedF: func(network.Network, network.Conn) { s.wakeDials() }}
	h.Network().Notify(s.notifiee)
	h.SetStreamHandler(raftProtocol, s.handle)
	return s
}

// newRaftTransport returns raft's transport over a layer of streams.
func newRaftTransport(layer raft.StreamLayer, logger hclog.Logger) *raft.NetworkTransport {
	return raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: layer, MaxPool: 3, Timeout: 5 * time.Second, Logger: logger,
		// No pipelining. raft's pipeline locks up for good when a follower refuses
		// an append while two more are on their way: that follower then gets
		// heartbeats but no entries, and stopping the leader never ends.
		MaxRPCsInFlight: 1,
	})
}

func (s *streams) handle(st network.Stream) {
	c := s.wrap(st, true)
	if c == nil {
		return
	}
	select {
	case s.incoming <- c:
	case <-s.ctx.Done():
		_ = c.Close() // raft never saw it
	}
}

// wrap counts a stream, or resets it and returns nil after cut.
func (s *streams) wrap(st network.Stream, incoming bool) *conn {
	c := &conn{Stream: st, layer: s, incoming: incoming}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isCut {
		_ = st.Reset()
		return nil
	}
	s.open[c] = struct{}{}
	if incoming {
		s.handlers.Add(1)
	}
	return c
}

// Accept implements net.Listener. It keeps waiting after cut, until Close.
func (s *streams) Accept() (net.Conn, error) {
	select {
	case c := <-s.incoming:
		return c, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. raft calls it when it shuts down.
func (s *streams) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// Addr implements net.Listener.
func (s *streams) Addr() net.Addr { return peerAddr(s.host.ID()) }

// Dial implements raft.StreamLayer.
func (s *streams) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	id, err := peer.Decode(string(address))
	if err != nil {
		return nil, fmt.Errorf("dial raft peer %q: %w", address, err)
	}
	hold := time.NewTimer(holdDial)
	defer hold.Stop()
	for {
		s.mu.Lock()
		connected := s.connected
		s.mu.Unlock()
		c, err := s.dial(id, timeout)
		if err == nil {
			return c, nil
		}
		err = fmt.Errorf("dial raft peer %s: %w", id, err)
		if !s.awaitPeer(id, connected, hold.C) {
			return nil, err
		}
	}
}

func (s *streams) dial(id peer.ID, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	st, err := s.host.NewStream(ctx, id, raftProtocol)
	if err != nil {
		return nil, err
	}
	c := s.wrap(st, false)
	if c == nil {
		return nil, ErrClosed
	}
	return c, nil
}

// awaitPeer waits until the peer connects to us. It reports false when the time
// is up or the layer is cut, and at once when the peer is connected but refuses
// the stream.
func (s *streams) awaitPeer(id peer.ID, connected <-chan struct{}, hold <-chan time.Time) bool {
	if s.host.Network().Connectedness(id) == network.Connected {
		return false
	}
	for {
		select {
		case <-connected:
		case <-hold:
			return false
		case <-s.ctx.Done():
			return false
		}
		if s.host.Network().Connectedness(id) == network.Connected {
			return true
		}
		s.mu.Lock()
		connected = s.connected
		s.mu.Unlock()
	}
}

func (s *streams) wakeDials() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.connected)
	s.connected = make(chan struct{})
}

// cut resets every stream, refuses new ones and waits until raft has closed
// each incoming one: that is the last act of its handler, so afterwards no
// remote call can reach raft or its stores. It may be called twice.
func (s *streams) cut(ctx context.Context) error {
	s.host.RemoveStreamHandler(raftProtocol)
	s.host.Network().StopNotify(s.notifiee)
	s.mu.Lock()
	s.isCut = true
	open := s.open
	s.open = make(map[*conn]struct{})
	s.mu.Unlock()
	s.cancel()
	for c := range open {
		_ = c.Reset()
	}
	if err := waitGroup(ctx, &s.handlers); err != nil {
		return fmt.Errorf("wait for raft's stream handlers: %w", err)
	}
	return nil
}

// conn makes a stream a net.Conn.
type conn struct {
	network.Stream
	layer    *streams
	incoming bool
	once     sync.Once
}

// Read implements net.Conn. A peer that went away is the end of its stream:
// raft would log anything else as an error.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Stream.Read(b)
	if errors.Is(err, network.ErrReset) {
		err = io.EOF
	}
	return n, err
}

// Close implements net.Conn.
func (c *conn) Close() error {
	err := c.Stream.Close()
	c.once.Do(func() {
		c.layer.mu.Lock()
		delete(c.layer.open, c)
		c.layer.mu.Unlock()
		if c.incoming {
			c.layer.handlers.Done()
		}
	})
	return err
}

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return peerAddr(c.Conn().LocalPeer()) }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return peerAddr(c.Conn().RemotePeer()) }

// peerAddr is a peer ID as a network address.
type peerAddr peer.ID

// Network implements net.Addr.
func (peerAddr) Network() string { return "libp2p" }

func (a peerAddr) String() string { return peer.ID(a).String() }

// waitGroup waits for g, but no longer than ctx allows.
func waitGroup(ctx context.Context, g *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() {
		g.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
