package limits

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// roomy are options under which nothing is refused.
func roomy() ClientOptions {
	return ClientOptions{PathLength: 1 << 10, PathDepth: 16, Client: byAddress}
}

// byAddress counts requests by the address in a header.
func byAddress(r *http.Request) (netip.Addr, bool) {
	a, err := netip.ParseAddr(r.Header.Get("From"))
	return a, err == nil
}

func hello() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "hello") })
}

// get asks a handler; from is the client's address.
func get(h http.Handler, target, from string, header ...string) *http.Response {
	r := httptest.NewRequest("GET", target, nil)
	r.Header.Set("From", from)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestLooksOfARequest(t *testing.T) {
	h := Clients(roomy(), hello())
	for _, c := range []struct {
		name, target, accept string
		want                 int
	}{
		{"an ordinary one", "/ipfs/x/a", "text/html,*/*", 200},
		{"long", "/ipfs/x?" + strings.Repeat("q", 1<<10), "", 414},
		{"just short enough", "/" + strings.Repeat("q", 1<<10-1), "", 200},
		{"deep", strings.Repeat("/a", 17), "", 400},
		{"just flat enough", strings.Repeat("/a", 16), "", 200},
		{"a format", "/", "application/vnd.ipld.car; version=1", 200},
		{"a format nobody knows", "/", "application/vnd.ipld.x1", 400},
		{"another", "/", "text/html, application/jsonfoo", 400},
		{"only the first counts", "/", "application/vnd.ipld.raw, application/vnd.ipld.x1", 200},
		{"a format of others", "/", "application/xml", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := get(h, c.target, "", "Accept", c.accept)
			if got.StatusCode != c.want {
				t.Errorf("status %d, want %d", got.StatusCode, c.want)
			}
			if c.want != 200 && got.Header.Get("Cache-Control") != "no-store" {
				t.Error("a cache may keep the refusal")
			}
		})
	}
}

func TestRateOfAClient(t *testing.T) {
	o := roomy()
	o.Rate, o.Burst = 1.0/3600, 3
	h := Clients(o, hello())
	for range 3 {
		if got := get(h, "/", "192.0.2.1"); got.StatusCode != 200 {
			t.Fatalf("within the burst: status %d", got.StatusCode)
		}
	}
	if got := get(h, "/", "192.0.2.1"); got.StatusCode != 429 || got.Header.Get("Retry-After") != "3600" {
		t.Errorf("above it: status %d, Retry-After %q", got.StatusCode, got.Header.Get("Retry-After"))
	}
	if got := get(h, "/", "192.0.2.2"); got.StatusCode != 200 {
		t.Errorf("another client: status %d", got.StatusCode)
	}
	for range 10 {
		if got := get(h, "/", "not counted"); got.StatusCode != 200 {
			t.Errorf("not counted: status %d", got.StatusCode)
		}
	}
}

func TestRequestsOfAClientInProgress(t *testing.T) {
	o := roomy()
	o.Concurrent = 1
	entered, proceed := make(chan struct{}), make(chan struct{})
	h := Clients(o, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { entered <- struct{}{}; <-proceed }))
	ended := make(chan struct{})
	go func() { defer close(ended); get(h, "/", "192.0.2.1") }()
	<-entered
	if got := get(h, "/", "192.0.2.1"); got.StatusCode != 429 || got.Header.Get("Retry-After") != "1" {
		t.Errorf("a second request: status %d, Retry-After %q", got.StatusCode, got.Header.Get("Retry-After"))
	}
	close(proceed)
	<-ended
	go func() { <-entered }()
	if got := get(h, "/", "192.0.2.1"); got.StatusCode != 200 {
		t.Errorf("after the first has ended: status %d", got.StatusCode)
	}
}

func TestClientsAreForgotten(t *testing.T) {
	tally := newTally(1.0/3600, 1, 0)
	tally.keep = 100
	address := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}) }
	busy, refused := tally.enter(netip.MustParseAddr("192.0.2.1"), time.Now())
	if refused != nil {
		t.Fatal(refused)
	}
	for n := range 10_000 {
		v, refused := tally.enter(address(n), time.Now())
		if refused != nil {
			t.Fatalf("client %d: %v", n, refused)
		}
		tally.leave(v)
		if _, refused := tally.enter(address(n), time.Now()); refused == nil {
			t.Fatalf("client %d: a second request passes", n)
		}
	}
	if len(tally.known) > 101 {
		t.Errorf("%d clients are remembered", len(tally.known))
	}
	if tally.known[busy.key] != busy {
		t.Error("one with a request in progress is forgotten")
	}
	tally.leave(busy)
}

// serve serves a handler on loopback and returns a connection to it.
func serve(t *testing.T, h http.Handler) net.Conn {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// A body that never comes must hold up neither the answer nor the end of the connection.
func TestBodyOfAGet(t *testing.T) {
	conn := serve(t, Clients(roomy(), hello()))
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\nbegun")
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 400 || !res.Close {
		t.Errorf("status %d, last on its connection: %v", res.StatusCode, res.Close)
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		t.Errorf("the connection stays: %v", err)
	}
}

// streams sends for as long as somebody reads, and says how it ended.
func streams(ended chan<- error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		block := make([]byte, 1<<20)
		for {
			if _, err := w.Write(block); err != nil {
				ended <- err
				return
			}
		}
	})
}

func TestReaderThatStopsIsCut(t *testing.T) {
	o := roomy()
	o.LeastPace, o.Grace = 1<<20, 100*time.Millisecond
	ended := make(chan error, 1)
	conn := serve(t, Clients(o, streams(ended)))
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: here\r\n\r\n")
	select {
	case err := <-ended:
		if ne, ok := err.(net.Error); !ok || !ne.Timeout() {
			t.Errorf("ended by %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the response goes on")
	}
}

// A reader is never told to be faster than the pace on the whole, however long the download takes.
func TestSteadyReaderIsServed(t *testing.T) {
	clock := &slowWriter{ResponseWriter: httptest.NewRecorder(), delay: time.Millisecond}
	p := &paced{ResponseWriter: clock, rate: piece * 100, grace: 20 * time.Millisecond, credit: 20 * time.Millisecond} // 10 ms a piece
	for range 200 {
		if _, err := p.Write(make([]byte, piece)); err != nil {
			t.Fatal(err)
		}
	}
	if p.credit < p.grace/2 {
		t.Errorf("after %s at ten times the pace only %s of %s are left", 200*clock.delay, p.credit, p.grace)
	}
	clock.delay = 25 * time.Millisecond // 2.5 times too slow
	for range 2 {
		_, _ = p.Write(make([]byte, piece))
	}
	if p.credit > 0 {
		t.Errorf("a reader below the pace has %s left", p.credit)
	}
}

// slowWriter takes its time.
type slowWriter struct {
	http.ResponseWriter
	delay time.Duration
}

func (s *slowWriter) Write(b []byte) (int, error) {
	<-time.After(s.delay)
	return len(b), nil
}
