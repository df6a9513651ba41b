package proxy

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// gate is a handler that says when a request is in it and lets it go on when told.
type gate struct {
	entered chan struct{}
	proceed chan struct{}
}

func newGate() *gate { return &gate{make(chan struct{}, 1), make(chan struct{})} }

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, "begun, ")
	_ = http.NewResponseController(w).Flush()
	g.entered <- struct{}{}
	select {
	case <-g.proceed:
		_, _ = io.WriteString(w, "done")
	case <-r.Context().Done():
	}
}

// request asks in the background and delivers the body and how it ended.
func request(t testing.TB, url string) <-chan error {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
		if err == nil {
			defer res.Body.Close()
			var body []byte
			if body, err = io.ReadAll(res.Body); err == nil && string(body) != "begun, done" {
				t.Errorf("body is %q", body)
			}
		}
		result <- err
	}()
	return result
}

func refused(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err == nil {
		c.Close()
	}
	return err != nil
}

func TestServerDrains(t *testing.T) {
	g := newGate()
	s := serve(t, listenLoopback(t), g, patience)
	result := request(t, s.url)
	<-g.entered
	s.cancel()
	eventually(t, "new connections are refused", func() bool { return refused(s.addr) })
	select {
	case err := <-s.done:
		t.Fatalf("Serve returned %v while a request runs", err)
	default:
	}
	close(g.proceed)
	if err := <-result; err != nil {
		t.Errorf("the running request: %v", err)
	}
	if err := s.ended(t); err != nil {
		t.Errorf("serve: %v", err)
	}
}

func TestServerCutsWhatOutlastsTheGrace(t *testing.T) {
	g := newGate()
	s := serve(t, listenLoopback(t), g, 50*time.Millisecond)
	result := request(t, s.url)
	<-g.entered
	s.cancel()
	if err := s.ended(t); err != nil {
		t.Errorf("serve: %v", err)
	}
	if err := <-result; err == nil {
		t.Error("the request was not cut")
	}
	if !refused(s.addr) {
		t.Error("the port is still open")
	}
}

func TestServerStoppedBeforeItBegins(t *testing.T) {
	l := listenLoopback(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	server := NewServer(l, http.NotFoundHandler(), time.Second, slog.New(slog.DiscardHandler))
	if err := server.Serve(ctx); err != nil {
		t.Errorf("serve: %v", err)
	}
	if !refused(l.Addr().String()) {
		t.Error("the port is still open")
	}
}

func TestServerThatFailsSaysWhere(t *testing.T) {
	l := listenLoopback(t)
	s := serve(t, l, http.NotFoundHandler(), time.Second)
	eventually(t, "it answers", func() bool { return !refused(s.addr) })
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.ended(t); err == nil || !strings.Contains(err.Error(), s.addr) {
		t.Errorf("serve: %v", err)
	}
}

func TestHandlerSharesThePort(t *testing.T) {
	named := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, name) })
	}
	s := serve(t, listenLoopback(t), Handler(named("rpc"), named("psa"), named("rest")), time.Second)
	for path, want := range map[string]string{
		"/api/v0/id": "rpc", "/api/v0/": "rpc", "/": "rest", "/id": "rest", "/api/v1/id": "rest", "/pins/api/v0/x": "rest",
		"/psa/pins": "psa", "/psa/": "psa", "/psapins": "rest",
	} {
		if reply := ask(t, http.MethodGet, s.url+path, nil); reply.body != want {
			t.Errorf("%s is answered by %q, want %q", path, reply.body, want)
		}
	}
}
