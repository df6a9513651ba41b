package httpserver

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
)

// preface is how a connection of HTTP/2 begins, as far as a server of HTTP/1 reads it as a request.
const preface = "PRI * HTTP/2.0\r\n\r\n"

// clear2 serves HTTP/2 without TLS to clients that begin with it. Every connection gets a server of its own: that way each
// can be told to end, and by this package's rules.
type clear2 struct {
	configure func() *http.Server // how to serve a connection
	conns     *connections

	mu      sync.Mutex
	servers map[*http.Server]bool
	ended   bool
}

// wrap takes over connections of HTTP/2, and leaves requests to next.
func (h *clear2) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "PRI" || r.ProtoMajor != 2 {
			next.ServeHTTP(w, r)
			return
		}
		conn := new(resumed)
		h.conns.changed(conn, http.StateActive) // before the other one is gone, for a drain counts them
		defer h.conns.changed(conn, http.StateClosed)
		inner, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			w.WriteHeader(http.StatusHTTPVersionNotSupported)
			return
		}
		conn.Conn, conn.in = inner, io.MultiReader(strings.NewReader(preface), buffered.Reader)
		h.serve(conn)
	})
}

// serve answers what comes on the connection, until it is closed.
func (h *clear2) serve(conn *resumed) {
	server, l := h.configure(), &single{conn: make(chan net.Conn, 1), closed: make(chan struct{}), addr: conn.LocalAddr()}
	l.conn <- conn
	gone := make(chan struct{})
	server.ConnState = func(c net.Conn, state http.ConnState) {
		h.conns.changed(c, state)
		if state == http.StateClosed {
			_ = l.Close() // never fails
			close(gone)
		}
	}
	server.Protocols = new(http.Protocols)
	server.Protocols.SetUnencryptedHTTP2(true)
	if !h.enter(server) {
		_ = conn.Close() // it is cut like all others
		return
	}
	defer h.leave(server)
	_ = server.Serve(l) // ends with its connection or when it is told to, and says so
	select {
	case <-l.conn: // it was told to before it began
		_ = conn.Close()
	default:
		<-gone
	}
}

func (h *clear2) enter(server *http.Server) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.ended {
		h.servers[server] = true
	}
	return !h.ended
}

func (h *clear2) leave(server *http.Server) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.servers, server)
}

// sayGoodbye tells clients by GOAWAY to send no more requests on their connections. What they have sent is answered.
func (h *clear2) sayGoodbye() {
	over, cancel := context.WithCancel(context.Background())
	cancel() // nothing is waited for here
	h.mu.Lock()
	defer h.mu.Unlock()
	for server := range h.servers {
		_ = server.Shutdown(over) // says that it did not wait
	}
}

// close cuts all connections, and those that come yet.
func (h *clear2) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	for server := range h.servers {
		_ = server.Close() // the connections are gone if this fails
	}
}

// resumed is a connection of which something has been read already.
type resumed struct {
	net.Conn
	in io.Reader
}

// Read implements net.Conn.
func (c *resumed) Read(p []byte) (int, error) { return c.in.Read(p) }

// single is a listener to which one connection comes.
type single struct {
	conn   chan net.Conn
	closed chan struct{}
	once   sync.Once
	addr   net.Addr
}

// Accept implements net.Listener.
func (l *single) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conn:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *single) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *single) Addr() net.Addr { return l.addr }
