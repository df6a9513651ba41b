package httpserver

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// gatherLimit is up to which size an answer goes out in one piece.
const gatherLimit = 16 << 10

type connKey struct{}

// Gather has the answer to a request go out in one piece if it is small. The server would send its header and its end
// apart, and a call of the kernel costs more than all else about a small answer. It is for handlers that have the whole
// answer at hand; nothing may wait for a part of it. It does nothing where the connection is not plain HTTP/1.
func Gather(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*conn); ok && r.ProtoMajor == 1 {
		c.gather()
	}
}

// gathered is a listener whose connections can gather answers.
type gathered struct {
	net.Listener
	buffers *sync.Pool // of *[gatherLimit]byte
}

func newGathered(l net.Listener) gathered {
	return gathered{l, &sync.Pool{New: func() any { return new([gatherLimit]byte) }}}
}

// Accept implements net.Listener.
func (l gathered) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if tcp, ok := inner.(tcpConn); ok {
		return &conn{tcpConn: tcp, buffers: l.buffers}, nil
	}
	return inner, err
}

// tcpConn is what a *net.TCPConn can do.
type tcpConn interface {
	net.Conn
	io.ReaderFrom
	CloseWrite() error
}

// conn is a connection that can gather what is written.
type conn struct {
	tcpConn
	buffers *sync.Pool

	mu        sync.Mutex
	gathering bool
	buffer    *[gatherLimit]byte // nil: nothing is held
	held      int                // bytes of it
}

// withConn is an http.Server.ConnContext.
func withConn(ctx context.Context, c net.Conn) context.Context {
	if c, ok := c.(*conn); ok {
		return context.WithValue(ctx, connKey{}, c)
	}
	return ctx
}

func (c *conn) gather() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gathering = true
}

// release sends what is held.
func (c *conn) release() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.releaseLocked()
}

func (c *conn) releaseLocked() error {
	c.gathering = false
	if c.buffer == nil {
		return nil
	}
	_, err := c.tcpConn.Write(c.buffer[:c.held])
	c.buffers.Put(c.buffer)
	c.buffer, c.held = nil, 0
	return err
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	if held, err := c.hold(p); held || err != nil {
		if err != nil {
			return 0, err
		}
		return len(p), nil
	}
	return c.tcpConn.Write(p)
}

// ReadFrom implements io.ReaderFrom, by which the server has the kernel copy.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	if err := c.release(); err != nil {
		return 0, err
	}
	return c.tcpConn.ReadFrom(r)
}

// hold keeps what is written while an answer is gathered. What does not fit any more has to be written, after what was held.
func (c *conn) hold(p []byte) (held bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.gathering || c.held+len(p) > gatherLimit {
		return false, c.releaseLocked()
	}
	if c.buffer == nil {
		c.buffer = c.buffers.Get().(*[gatherLimit]byte)
	}
	c.held += copy(c.buffer[c.held:], p)
	return true, nil
}

// SetWriteDeadline implements net.Conn. The server calls it at the end of an answer, which still has the old deadline. One that
// is set before anything is written is for what comes.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if err := c.sendHeld(); err != nil {
		return err
	}
	return c.tcpConn.SetWriteDeadline(t)
}

// sendHeld sends what is held, if there is something.
func (c *conn) sendHeld() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.buffer == nil {
		return nil
	}
	return c.releaseLocked()
}

// CloseWrite is what http.Server calls before it closes a connection.
func (c *conn) CloseWrite() error {
	if err := c.release(); err != nil {
		return err
	}
	return c.tcpConn.CloseWrite()
}
