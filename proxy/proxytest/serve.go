package proxytest

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/underlay/underlay/proxy"
)

// Patience bounds what tests wait for; it is long, so that a loaded machine does not fail them.
const Patience = 20 * time.Second

// Serving is a server at work.
type Serving struct {
	URL  string
	Addr string
}

// Serve runs the server of the private APIs on a listener until the test ends.
func Serve(t testing.TB, l net.Listener, handler http.Handler, grace time.Duration) *Serving {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &Serving{URL: "http://" + l.Addr().String(), Addr: l.Addr().String()}
	server := proxy.NewServer(l, nil, handler, grace, slog.New(slog.DiscardHandler))
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		if err := server.Serve(ctx); err != nil {
			t.Errorf("serve: %v", err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-stopped
	})
	return s
}

// Listen opens a port on loopback.
func Listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Reply is a response with its body read, so that its trailers are there.
type Reply struct {
	*http.Response
	Text string
}

// Ask sends one request on a connection of its own; pairs of header names and values follow the body.
func Ask(t testing.TB, method, target string, body io.Reader, header ...string) Reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		t.Fatalf("make request: %v", err)
	}
	for pair := range slices.Chunk(header, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("read the answer to %s %s: %v", method, target, err)
	}
	return Reply{res, string(data)}
}

// Decode reads the answer's JSON.
func (r Reply) Decode(t testing.TB, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.Text), into); err != nil {
		t.Fatalf("decode %q: %v", r.Text, err)
	}
}

// Command is the URL of an RPC command with its arguments, and options as pairs of name and value.
func (s *Serving) Command(name string, args []string, options ...string) string {
	query := url.Values{"arg": args}
	for pair := range slices.Chunk(options, 2) {
		query.Add(pair[0], pair[1])
	}
	return s.URL + "/api/v0/" + name + "?" + query.Encode()
}
