package gateway

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ipfs/boxo/files"
)

// A gateway is alive from the beginning, ready once it has its content, and not ready but serving while it drains.
func TestReadiness(t *testing.T) {
	node := newNode(t, false, nil)
	root := add(t, node, files.NewBytesFile([]byte("still here")))
	g := New(listenLoopback(t), Options{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	url := "http://" + g.Addr().String()
	check := func(when, path string, want int, say string) {
		t.Helper()
		got := ask(t, "GET", url+path)
		if got.StatusCode != want || !strings.Contains(string(got.body), say) {
			t.Errorf("%s, %s: status %d %q, want %d with %q", when, path, got.StatusCode, got.body, want, say)
		}
		if retry := got.Header.Get("Retry-After") != ""; retry != (want == 503) {
			t.Errorf("%s, %s: Retry-After %q", when, path, got.Header.Get("Retry-After"))
		}
		if want != 200 && got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s, %s: Cache-Control %q", when, path, got.Header.Get("Cache-Control"))
		}
	}
	check("before Open", "/healthz", 200, "ok")
	check("before Open", "/readyz", 503, "starting")
	check("before Open", root.String(), 503, "starting")
	if err := g.Open(Options{Node: node}); err != nil {
		t.Fatal(err)
	}
	check("open", "/healthz", 200, "ok")
	check("open", "/readyz", 200, "ok")
	check("open", root.String(), 200, "still here")
	g.Drain()
	check("draining", "/healthz", 200, "ok")
	check("draining", "/readyz", 503, "draining")
	check("draining", root.String(), 200, "still here")
}

// Who is told to stop is not ready, on connections that are open as well.
func TestEndOfServeIsNotReady(t *testing.T) {
	var ready readiness
	h := ready.answer(http.NotFoundHandler())
	ready.set(starting | draining)
	ready.clear(starting)
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest("GET", "/readyz", nil))
	body, _ := io.ReadAll(answer.Result().Body)
	if answer.Code != 503 || string(body) != "draining: this peer is about to stop\n" {
		t.Errorf("status %d: %q", answer.Code, body)
	}
	content := httptest.NewRequest("GET", "/readyz", nil)
	content.Host = "bafy.ipfs.example.org"
	answer = httptest.NewRecorder()
	if h.ServeHTTP(answer, content); answer.Code != 404 {
		t.Errorf("the path of a content's own host: status %d", answer.Code)
	}
}
