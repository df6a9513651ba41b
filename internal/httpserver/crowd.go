package httpserver

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// Bounds limit how many connections are open. A bound of 0 is none.
type Bounds struct {
	Total int // when it is reached, the connection that has waited longest for its next request makes room
	Each  int // from one address; further ones are closed

	// Key tells by what address a connection is counted for Each, and whether it is counted there and at all. nil counts
	// all connections by their own address.
	Key func(netip.Addr) (key netip.Addr, each, total bool)
}

// crowd is the connections that are counted.
type crowd struct {
	Bounds

	mu      sync.Mutex
	open    int
	by      map[netip.Addr]int
	waiting list.List // of guests for which no handler runs, the longest first
}

// guest is a connection that is counted until it is closed.
type guest struct {
	*net.TCPConn
	crowd   *crowd
	key     netip.Addr // invalid: not counted by address
	running int        // handlers
	closed  bool
	place   *list.Element // in waiting; nil while handlers run, and when it makes room
}

func newCrowd(b Bounds) *crowd {
	if b.Key == nil {
		b.Key = func(a netip.Addr) (netip.Addr, bool, bool) { return a, true, true }
	}
	return &crowd{Bounds: b, by: make(map[netip.Addr]int)}
}

// admit returns the connection as it is to be used, or nil if it was closed because there are too many. What is not TCP is
// not counted.
func (c *crowd) admit(conn net.Conn) net.Conn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	remote, _ := tcp.RemoteAddr().(*net.TCPAddr)
	key, each, total := c.Key(remote.AddrPort().Addr().Unmap())
	if !total {
		return conn
	}
	g := &guest{TCPConn: tcp, crowd: c}
	if each {
		g.key = key
	}
	makesRoom, ok := c.enter(g)
	if makesRoom != nil {
		_ = makesRoom.Close() // its client is gone if this fails
	}
	if !ok {
		_ = conn.Close() // likewise
		return nil
	}
	return g
}

// enter counts a connection, and returns one to close for it.
func (c *crowd) enter(g *guest) (makesRoom *guest, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Each > 0 && g.key.IsValid() && c.by[g.key] >= c.Each {
		return nil, false
	}
	if c.Total > 0 && c.open >= c.Total {
		longest := c.waiting.Front()
		if longest == nil {
			return nil, false
		}
		makesRoom = longest.Value.(*guest)
		c.waiting.Remove(longest)
		makesRoom.place = nil
	}
	c.open++
	if g.key.IsValid() {
		c.by[g.key]++
	}
	g.place = c.waiting.PushBack(g)
	return makesRoom, true
}

// Close implements net.Conn.
func (g *guest) Close() error {
	g.crowd.leave(g)
	return g.TCPConn.Close()
}

func (c *crowd) leave(g *guest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if g.closed {
		return
	}
	g.closed = true
	c.open--
	if g.key.IsValid() {
		if c.by[g.key]--; c.by[g.key] == 0 {
			delete(c.by, g.key)
		}
	}
	if g.place != nil {
		c.waiting.Remove(g.place)
		g.place = nil
	}
}

// run counts a handler that begins (1) or ends (-1).
func (g *guest) run(d int) {
	c := g.crowd
	c.mu.Lock()
	defer c.mu.Unlock()
	switch g.running += d; {
	case g.closed:
	case g.running > 0 && g.place != nil:
		c.waiting.Remove(g.place)
		g.place = nil
	case g.running == 0 && g.place == nil:
		g.place = c.waiting.PushBack(g)
	}
}

type guestKey struct{}

// connContext lets handlers find their connection, as http.Server.ConnContext.
func (c *crowd) connContext(ctx context.Context, at net.Conn) context.Context {
	for {
		switch outer := at.(type) {
		case *tls.Conn:
			at = outer.NetConn()
		case *resumed:
			at = outer.Conn
		case *conn:
			at = outer.tcpConn
		case *guest:
			return context.WithValue(ctx, guestKey{}, outer)
		default:
			return ctx
		}
	}
}

// wrap keeps connections from making room for others while next works for them.
func (c *crowd) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g, ok := r.Context().Value(guestKey{}).(*guest); ok {
			g.run(1)
			defer g.run(-1)
		}
		next.ServeHTTP(w, r)
	})
}

// bounded is a listener that accepts no more connections than the crowd may have.
type bounded struct {
	net.Listener
	crowd *crowd
}

// Accept implements net.Listener.
func (b bounded) Accept() (net.Conn, error) {
	for {
		conn, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if conn = b.crowd.admit(conn); conn != nil {
			return conn, nil
		}
	}
}
