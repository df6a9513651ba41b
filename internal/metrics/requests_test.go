package metrics

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestRequestsAreCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	q := NewRequests(registry)
	q.Expect("rest", "/backup", "GET")
	answers := map[string]http.HandlerFunc{
		"/silent": func(http.ResponseWriter, *http.Request) {},
		"/text":   func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "12345") },
		"/copy": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.(io.ReaderFrom).ReadFrom(strings.NewReader("12345"))
		},
		"/absent": func(w http.ResponseWriter, r *http.Request) { http.Error(w, "", 404) },
		"/hinted": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusServiceUnavailable)
		},
		"/cut": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	route := func(r *http.Request) (string, string) { return "rest", r.URL.Path }
	server := httptest.NewServer(q.Wrap(route, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answers[r.URL.Path](w, r) })))
	defer server.Close()
	for path := range answers {
		req, err := http.NewRequest("BREW", server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if (err != nil) != (path == "/cut") {
			t.Errorf("%s: %v", path, err)
		}
		if err == nil {
			resp.Body.Close()
		}
	}
	server.Close() // waits for what is counted behind the answers
	got := text(t, registry)
	for _, line := range []string{
		`underlay_http_requests_total{api="rest",code="2xx",handler="/silent",method="other"} 1`,
		`underlay_http_requests_total{api="rest",code="2xx",handler="/text",method="other"} 1`,
		`underlay_http_requests_total{api="rest",code="2xx",handler="/copy",method="other"} 1`,
		`underlay_http_requests_total{api="rest",code="4xx",handler="/absent",method="other"} 1`,
		`underlay_http_requests_total{api="rest",code="5xx",handler="/hinted",method="other"} 1`,
		`underlay_http_requests_total{api="rest",code="aborted",handler="/cut",method="other"} 1`,
		`underlay_http_requests_total{api="rest",code="2xx",handler="/backup",method="GET"} 0`,
		`underlay_http_request_duration_seconds_count{api="rest",handler="/text"} 1`,
		`underlay_http_response_bytes_total{api="rest"} 11`, // two texts, and the end of the line of an error
		`underlay_http_requests_in_flight{api="rest"} 0`,
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("%s is missing in\n%s", line, got)
		}
	}
}

// What this costs a request.
func BenchmarkRequests(b *testing.B) {
	q := NewRequests(prometheus.NewRegistry())
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	h := q.Wrap(func(*http.Request) (string, string) { return "rpc", "pin/add" }, nothing)
	r := httptest.NewRequest("POST", "/api/v0/pin/add", nil)
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}
