package health_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/underlay/underlay/internal/health"
)

func TestHandler(t *testing.T) {
	var problem error
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	h := health.Handler(func() error { return problem }, next)
	for _, c := range []struct {
		problem      error
		method, path string
		status       int
		body, again  string
	}{
		{nil, "GET", "/healthz", 200, "ok\n", ""},
		{nil, "GET", "/readyz", 200, "ok\n", ""},
		{errors.New("no leader"), "GET", "/healthz", 200, "ok\n", ""},
		{errors.New("no leader"), "GET", "/readyz", 503, "no leader\n", "1"},
		{errors.New("no leader"), "HEAD", "/readyz", 503, "no leader\n", "1"}, // the server leaves the body out
		{nil, "POST", "/readyz", 405, "only GET and HEAD are allowed here\n", ""},
		{nil, "GET", "/readyz/", 418, "", ""},
		{nil, "GET", "/health", 418, "", ""},
	} {
		problem = c.problem
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		if w.Code != c.status || w.Body.String() != c.body || w.Header().Get("Retry-After") != c.again {
			t.Errorf("%s %s: %d %q %v, want %+v", c.method, c.path, w.Code, w.Body, w.Header(), c)
		}
		if kept := w.Header().Get("Cache-Control"); w.Code != 418 && w.Code != 405 && kept != "no-store" {
			t.Errorf("%s %s may be kept: %q", c.method, c.path, kept)
		}
	}
}
