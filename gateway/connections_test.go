package gateway

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/boxo/files"
)

// A balancer that speaks HTTP/2 to the gateway gets the answers that others get, from the handler and from memory.
func TestHTTP2(t *testing.T) {
	node := newNode(t, false, nil)
	content := noise(3 << 20)
	p := add(t, node, files.NewBytesFile(content))
	g := start(t, Options{Node: node})
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	for turn := range 3 {
		res, err := (&http.Client{Transport: transport}).Get(g.url + p.String())
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if res.Body.Close(); err != nil || res.ProtoMajor != 2 || string(body) != string(content) {
			t.Errorf("turn %d: %s %s, %d bytes, %v", turn, res.Proto, res.Status, len(body), err)
		}
		old := ask(t, "GET", g.url+p.String())
		for name := range old.Header {
			if a, b := res.Header.Get(name), old.Header.Get(name); a != b && name != "Date" {
				t.Errorf("turn %d: %s is %q, with HTTP/1.1 %q", turn, name, a, b)
			}
		}
	}
}

// pipe is a listener to which one connection comes.
type pipe struct {
	conn  chan net.Conn
	ended chan struct{}
	once  sync.Once
}

func (p *pipe) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conn:
		return conn, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p *pipe) Close() error {
	p.once.Do(func() { close(p.ended) })
	return nil
}

func (p *pipe) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// Balancers keep connections for a minute, and must not find them closed.
func TestConnectionsAreKeptLongerThanBalancersKeepThem(t *testing.T) {
	node := newNode(t, false, nil)
	synctest.Test(t, func(t *testing.T) {
		l := &pipe{conn: make(chan net.Conn), ended: make(chan struct{})}
		g, err := Open(Options{Node: node}, l)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- g.Serve(ctx) }()
		here, there := net.Pipe()
		l.conn <- there
		in := bufio.NewReader(here)
		answer := func() string {
			if _, err := io.WriteString(here, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
				return err.Error()
			}
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				return err.Error()
			}
			body, _ := io.ReadAll(res.Body)
			return string(body)
		}
		for range 3 {
			if got := answer(); got != "ok\n" {
				t.Errorf("a request after a minute: %q", got)
			}
			time.Sleep(61 * time.Second) // of the test's clock
		}
		time.Sleep(15 * time.Second)
		if got := answer(); !strings.Contains(got, "closed") {
			t.Errorf("a request after 76 s: %q", got)
		}
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
}
