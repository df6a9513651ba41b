package httpserver

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/testkit"
)

// serveBounded serves with bounded connections until the test ends.
func serveBounded(t *testing.T, b Bounds, h http.Handler) string {
	t.Helper()
	l := listenLoopback(t)
	s := New(l, Options{Name: "pages", Handler: h, Connections: b, ReadHeaderTimeout: time.Minute, Grace: time.Second, Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// dialFrom connects from a loopback address.
func dialFrom(t *testing.T, from, addr string) *client {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return newClient(conn)
}

// ends waits until the server has closed the connection.
func (c *client) ends(t *testing.T) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := c.in.ReadByte(); err == nil {
		t.Error("got content where the end was expected")
	} else if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Error("the connection stays open")
	}
}

func TestConnectionsOfOneAddress(t *testing.T) {
	addr := serveBounded(t, Bounds{Each: 2}, hello())
	first, second := dialFrom(t, "127.0.0.2", addr), dialFrom(t, "127.0.0.2", addr)
	for _, c := range []*client{first, second} {
		if _, err := c.ask(); err != nil {
			t.Fatal(err)
		}
	}
	dialFrom(t, "127.0.0.2", addr).ends(t)
	if _, err := dialFrom(t, "127.0.0.3", addr).ask(); err != nil {
		t.Errorf("another address: %v", err)
	}
	_ = first.Close()
	testkit.Eventually(t, patience, "a place is free again", func() bool {
		_, err := dialFrom(t, "127.0.0.2", addr).ask()
		return err == nil
	})
}

// Connections on which no request is answered make room for others, also those that have sent a part of one.
func TestWaitingConnectionsMakeRoom(t *testing.T) {
	g := newGate()
	addr := serveBounded(t, Bounds{Total: 3}, g)
	busy := dial(t, addr)
	if err := busy.send(); err != nil {
		t.Fatal(err)
	}
	<-g.entered
	slow := dial(t, addr)
	fmt.Fprintf(slow, "GET / HTTP/1.1\r\nHo")
	slower := dial(t, addr)
	fmt.Fprintf(slower, "G")
	next := dial(t, addr)
	slow.ends(t)
	if err := next.send(); err != nil {
		t.Fatal(err)
	}
	<-g.entered
	another := dial(t, addr)
	slower.ends(t)
	close(g.proceed)
	for name, c := range map[string]*client{"answered": busy, "came later": next} {
		if _, err := c.receive(); err != nil {
			t.Errorf("a connection that %s: %v", name, err)
		}
	}
	if _, err := another.ask(); err != nil {
		t.Error(err)
	}
}

func TestAllConnectionsAtWork(t *testing.T) {
	g := newGate()
	addr := serveBounded(t, Bounds{Total: 1}, g)
	busy := dial(t, addr)
	if err := busy.send(); err != nil {
		t.Fatal(err)
	}
	<-g.entered
	dial(t, addr).ends(t)
	close(g.proceed)
	if _, err := busy.receive(); err != nil {
		t.Error(err)
	}
}

func TestConnectionsThatAreNotCounted(t *testing.T) {
	trusted := netip.MustParseAddr("127.0.0.9")
	addr := serveBounded(t, Bounds{Total: 1, Each: 1, Key: func(a netip.Addr) (netip.Addr, bool, bool) { return a, true, a != trusted }}, hello())
	var all []*client
	for range 5 {
		all = append(all, dialFrom(t, trusted.String(), addr))
	}
	all = append(all, dialFrom(t, "127.0.0.2", addr))
	for i, c := range all {
		if _, err := c.ask(); err != nil {
			t.Errorf("connection %d: %v", i, err)
		}
	}
}

func TestCountsReturnToZero(t *testing.T) {
	c := newCrowd(Bounds{Total: 2, Each: 1})
	l := listenLoopback(t)
	defer l.Close()
	for n := range 5 {
		there := dialFrom(t, fmt.Sprintf("127.0.0.%d", n+2), l.Addr().String())
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		here := c.admit(conn)
		if here == nil {
			t.Fatalf("connection %d is refused", n)
		}
		g := here.(*guest)
		g.run(1)
		_ = here.Close()
		_ = here.Close()
		g.run(-1)
		_ = there.Close()
	}
	if c.open != 0 || len(c.by) != 0 || c.waiting.Len() != 0 {
		t.Errorf("%d open, %d addresses, %d waiting", c.open, len(c.by), c.waiting.Len())
	}
}
