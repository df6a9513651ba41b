package sim

import (
	"io"
	"os"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// Stream is one end of a stream. The network's lock guards all of it.
type Stream struct {
	network.Stream // nil
	net            *Network
	local, remote  peer.ID
	protocol       protocol.ID
	other          *Stream

	inbox    []segment     // on its way here
	changed  chan struct{} // has a token after a change
	broken   bool          // reset
	ended    bool          // nothing more may be written
	closed   bool          // nothing more may be read
	deadline time.Time     // of reads
}

// segment is what one write carries. Without data it is the end of the stream.
type segment struct {
	data []byte
	at   time.Time // when it arrives, if the link is not blocked
}

// newStream makes a stream to a connected peer.
func (n *Network) newStream(from *Host, to peer.ID, p protocol.ID) (*Stream, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hosts[from.id] != from || n.hosts[to] == nil && !n.connected[pair{from.id, to}] {
		return nil, ErrUnreachable
	}
	a := &Stream{net: n, local: from.id, remote: to, protocol: p, changed: make(chan struct{}, 1)}
	b := &Stream{net: n, local: to, remote: from.id, protocol: p, changed: make(chan struct{}, 1)}
	a.other, b.other = b, a
	n.streams[a], n.streams[b] = struct{}{}, struct{}{}
	opened := time.Now().Add(n.delay(a.way()))
	n.running.Go(func() { b.accept(opened) })
	return a, nil
}

// accept hands the stream to the handler of the host it goes to.
func (s *Stream) accept(at time.Time) {
	var h *Host
	for {
		s.net.mu.Lock()
		wait, broken := s.untilArrival(at), s.broken
		if h = s.net.hosts[s.local]; h == nil {
			wait = forever // it has vanished, and breaks its streams when it is back
		}
		s.net.mu.Unlock()
		if broken {
			return
		}
		if wait == 0 {
			break
		}
		s.wait(wait)
	}
	handle := h.handler(s.protocol)
	if handle == nil {
		_ = s.Reset() // it never fails
		return
	}
	handle(s)
}

// way returns where the bytes written here go.
func (s *Stream) way() pair { return pair{s.local, s.remote} }

// forever is longer than any simulation: such a wait ends by a change.
const forever = 1000 * time.Hour

// untilArrival returns how long to wait for what arrives at a time.
func (s *Stream) untilArrival(at time.Time) time.Duration {
	if s.net.links[s.other.way()].Blocked {
		return forever
	}
	return max(0, time.Until(at))
}

func (s *Stream) signal() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// wait waits for a change, or as long as d.
func (s *Stream) wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.changed:
	}
}

// Read implements network.Stream.
func (s *Stream) Read(b []byte) (int, error) {
	for {
		n, wait, err := s.tryRead(b)
		if n > 0 || err != nil {
			return n, err
		}
		s.wait(wait)
	}
}

func (s *Stream) tryRead(b []byte) (n int, wait time.Duration, err error) {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	wait = forever
	switch {
	case s.broken:
		return 0, 0, network.ErrReset
	case s.closed:
		return 0, 0, io.ErrClosedPipe
	case !s.deadline.IsZero():
		if wait = time.Until(s.deadline); wait <= 0 {
			return 0, 0, os.ErrDeadlineExceeded
		}
	}
	if len(s.inbox) == 0 {
		return 0, wait, nil
	}
	head := &s.inbox[0]
	if arrival := s.untilArrival(head.at); arrival > 0 {
		return 0, min(wait, arrival), nil
	}
	if head.data == nil {
		return 0, 0, io.EOF
	}
	n = copy(b, head.data)
	if head.data = head.data[n:]; len(head.data) == 0 {
		s.inbox = s.inbox[1:]
	}
	return n, 0, nil
}

// Write implements network.Stream. It never blocks.
func (s *Stream) Write(b []byte) (int, error) {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	switch {
	case s.broken:
		return 0, network.ErrReset
	case s.ended:
		return 0, io.ErrClosedPipe
	}
	if loss := s.net.links[s.way()].Loss; loss > 0 && s.net.rng.Float64() < loss {
		s.reset()
		return len(b), nil // the writer finds out later
	}
	if len(b) > 0 {
		s.send(append([]byte(nil), b...))
	}
	return len(b), nil
}

func (s *Stream) send(data []byte) {
	at := time.Now().Add(s.net.delay(s.way()))
	o := s.other
	if n := len(o.inbox); n > 0 && o.inbox[n-1].at.After(at) {
		at = o.inbox[n-1].at // bytes do not overtake
	}
	o.inbox = append(o.inbox, segment{data: data, at: at})
	o.signal()
}

func (s *Stream) reset() {
	for _, e := range []*Stream{s, s.other} {
		e.breakEnd()
	}
}

func (s *Stream) breakEnd() {
	s.broken = true
	delete(s.net.streams, s)
	s.signal()
}

// Close implements network.Stream: it ends writing and reading here.
func (s *Stream) Close() error {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	if s.broken {
		return nil
	}
	if !s.ended {
		s.ended = true
		s.send(nil)
	}
	s.closed = true
	s.signal()
	if s.other.closed {
		delete(s.net.streams, s)
		delete(s.net.streams, s.other)
	}
	return nil
}

// CloseWrite implements network.Stream.
func (s *Stream) CloseWrite() error {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	if !s.broken && !s.ended {
		s.ended = true
		s.send(nil)
	}
	return nil
}

// Reset implements network.Stream. The other end learns of it at once.
func (s *Stream) Reset() error {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	s.reset()
	return nil
}

// SetDeadline implements network.Stream. Writes never wait.
func (s *Stream) SetDeadline(t time.Time) error { return s.SetReadDeadline(t) }

// SetReadDeadline implements network.Stream.
func (s *Stream) SetReadDeadline(t time.Time) error {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	s.deadline = t
	s.signal()
	return nil
}

// SetWriteDeadline implements network.Stream. Writes never wait.
func (s *Stream) SetWriteDeadline(time.Time) error { return nil }

// Protocol implements network.Stream.
func (s *Stream) Protocol() protocol.ID { return s.protocol }

// Conn implements network.Stream.
func (s *Stream) Conn() network.Conn { return conn{s: s} }

// conn knows the peers of a stream.
type conn struct {
	network.Conn // nil
	s            *Stream
}

// LocalPeer implements network.Conn.
func (c conn) LocalPeer() peer.ID { return c.s.local }

// RemotePeer implements network.Conn.
func (c conn) RemotePeer() peer.ID { return c.s.remote }
