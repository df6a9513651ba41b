package meter

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/underlay/underlay/proxy/access"
	"github.com/underlay/underlay/proxy/proxytest"
)

func newMeter(t *testing.T) (*Meter, http.Handler) {
	t.Helper()
	m, err := New("1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	return m, m.Handler(slog.New(slog.DiscardHandler))
}

func ask(h http.Handler, method, target string) string {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w.Body.String()
}

// Requests are counted by the tables of the program: whatever clients make up has one name.
func TestLabelsAreNotMadeByClients(t *testing.T) {
	m, scrape := newMeter(t)
	guard := proxytest.NewGuard(t, proxytest.NewNetwork().Join(t, "one"), access.Options{})
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	private, pinning := m.Private(guard, nothing), m.Pinning(guard, nothing)
	for i := range 50 {
		for _, target := range []string{
			"/api/v0/pin/add?arg=x%d", "/api/v0/refs/local%d", "/api/v0/x%d", "/pins/x%d", "/x%d", "/psa/pins/x%d", "/psa/x%d", "/x%d/../pins",
		} {
			ask(private, "POST", fmt.Sprintf(target, i))
		}
		ask(pinning, fmt.Sprintf("X%d", i), "/pins")
		ask(pinning, "GET", fmt.Sprintf("/pins/x%d", i))
	}
	got := ask(scrape, "GET", "/metrics")
	var counted []string
	for line := range strings.Lines(got) {
		if name, value, _ := strings.Cut(line, "} "); strings.HasPrefix(name, "underlay_http_requests_total{") && value != "0\n" {
			counted = append(counted, strings.TrimSpace(strings.TrimPrefix(line, "underlay_http_requests_total")))
		}
	}
	want := []string{
		`{api="psa",code="2xx",handler="/psa/pins/{id}",method="GET"} 50`,
		`{api="psa",code="2xx",handler="/psa/pins/{id}",method="POST"} 50`,
		`{api="psa",code="2xx",handler="other",method="POST"} 50`,
		`{api="psa",code="2xx",handler="other",method="other"} 50`,
		`{api="rest",code="2xx",handler="/pins",method="POST"} 50`,
		`{api="rest",code="2xx",handler="/pins/{rest...}",method="POST"} 50`,
		`{api="rest",code="2xx",handler="other",method="POST"} 50`,
		`{api="rpc",code="2xx",handler="other",method="POST"} 50`,
		`{api="rpc",code="2xx",handler="pin/add",method="POST"} 50`,
		`{api="rpc",code="2xx",handler="refs",method="POST"} 50`,
	}
	if strings.Join(counted, "\n") != strings.Join(want, "\n") {
		t.Errorf("counted\n%s\nwant\n%s", strings.Join(counted, "\n"), strings.Join(want, "\n"))
	}
}

// What is there before a peer is says which program runs, that no backup was made, and keeps to the conventions. Two meters in
// one process do not know each other.
func TestMetersAreApart(t *testing.T) {
	m, scrape := newMeter(t)
	_, other := newMeter(t)
	m.WatchReady(func() bool { return true }, func() bool { return false })
	got := ask(scrape, "GET", "/metrics")
	for _, want := range []string{
		`version="1.2.3"} 1`, `underlay_http_requests_total{api="rest",code="2xx",handler="/backup",method="GET"} 0`,
		`underlay_ready{listener="gateway"} 1`, `underlay_ready{listener="api"} 0`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if strings.Contains(ask(other, "GET", "/metrics"), "underlay_ready") {
		t.Error("one meter shows what another watches")
	}
	if problems, err := promlint.New(strings.NewReader(got)).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	if got := ask(scrape, "GET", "/metrics/history"); !strings.Contains(got, `"name":"commit","kind":"mean","unit":"s"`) {
		t.Errorf("history: %s", got)
	}
}
