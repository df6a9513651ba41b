package proxy

import (
	"io"
	"net/http"
	"testing"
	"time"
)

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
