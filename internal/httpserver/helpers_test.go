package httpserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what should happen at once.
const patience = 20 * time.Second

func newServer(l net.Listener, handler http.Handler, grace time.Duration) *Server {
	return newServerWith(l, Options{Handler: handler, Grace: grace})
}

func newServerWith(l net.Listener, o Options) *Server {
	o.Name, o.Logger = "pages", slog.New(slog.DiscardHandler)
	return New(l, o)
}

// serving is a server at work.
type serving struct {
	*Server
	addr   string
	cancel context.CancelFunc
	done   chan error
}

// serve starts a server that ends with the test.
func serve(t testing.TB, l net.Listener, handler http.Handler, grace time.Duration) *serving {
	t.Helper()
	return serveOn(t, l, Options{Handler: handler, Grace: grace})
}

func serveOn(t testing.TB, l net.Listener, o Options) *serving {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &serving{Server: newServerWith(l, o), addr: l.Addr().String(), cancel: cancel, done: make(chan error, 1)}
	go func() { s.done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *serving) ended(t testing.TB) error {
	t.Helper()
	select {
	case err := <-s.done:
		return err
	case <-time.After(patience):
		t.Fatal("Serve does not return")
		return nil
	}
}

func listenLoopback(t testing.TB) *net.TCPListener {
	t.Helper()
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l.(*net.TCPListener)
}

// watched is a listener that says when it is told to end, and can keep connections waiting until then.
type watched struct {
	*net.TCPListener
	told   chan struct{}
	accept <-chan struct{} // closed when connections may be accepted
	once   sync.Once
}

func watch(t *testing.T) *watched {
	open := make(chan struct{})
	close(open)
	return &watched{TCPListener: listenLoopback(t), told: make(chan struct{}), accept: open}
}

func (w *watched) Accept() (net.Conn, error) {
	<-w.accept
	return w.TCPListener.Accept()
}

func (w *watched) SetDeadline(at time.Time) error {
	defer w.once.Do(func() { close(w.told) })
	return w.TCPListener.SetDeadline(at)
}

func (w *watched) Close() error {
	defer w.once.Do(func() { close(w.told) })
	return w.TCPListener.Close()
}

// client speaks HTTP on one connection and never asks twice.
type client struct {
	net.Conn
	in *bufio.Reader
}

func dial(t testing.TB, addr string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return newClient(conn)
}

func newClient(conn net.Conn) *client { return &client{conn, bufio.NewReader(conn)} }

func (c *client) send() error {
	_, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\n\r\n")
	return err
}

// receive reads one answer and tells whether it announces the end of the connection.
func (c *client) receive() (last bool, err error) {
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return false, err
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return false, err
	}
	if res.StatusCode != http.StatusOK {
		return false, errors.New(res.Status)
	}
	return res.Close, nil
}

func (c *client) ask() (last bool, err error) {
	if err := c.send(); err != nil {
		return false, err
	}
	return c.receive()
}

// closed returns nil when the server has closed the connection, without a reset.
func (c *client) closed() error {
	switch b, err := c.in.ReadByte(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fmt.Errorf("closed with %w", err)
	default:
		return fmt.Errorf("got %q where the end was expected", b)
	}
}

func hello() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "hello") })
}

// pipes is a listener without a network, for tests with a clock of their own.
type pipes struct {
	incoming chan net.Conn
	ended    chan struct{}
	once     sync.Once
}

func newPipes() *pipes { return &pipes{incoming: make(chan net.Conn), ended: make(chan struct{})} }

func (p *pipes) dial() *client {
	here, there := net.Pipe()
	p.incoming <- there
	return &client{here, bufio.NewReader(here)}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.incoming:
		return conn, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.ended) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "pipe"} }
