package proxy_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/underlay/underlay/proxy"
	"github.com/underlay/underlay/proxy/proxytest"
)

func TestHandlerSharesThePort(t *testing.T) {
	named := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, name) })
	}
	s := proxytest.Serve(t, proxytest.Listen(t), proxy.Handler(named("rpc"), named("psa"), named("console"), named("rest")), time.Second)
	for path, want := range map[string]string{
		"/api/v0/id": "rpc", "/api/v0/": "rpc", "/": "rest", "/id": "rest", "/api/v1/id": "rest", "/pins/api/v0/x": "rest",
		"/psa/pins": "psa", "/psa/": "psa", "/psapins": "rest", "/ui/": "console", "/ui/pins": "console", "/uid": "rest",
	} {
		if reply := proxytest.Ask(t, http.MethodGet, s.URL+path, nil); reply.Text != want {
			t.Errorf("%s is answered by %q, want %q", path, reply.Text, want)
		}
	}
}
