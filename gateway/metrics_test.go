package gateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ipfs/boxo/files"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/underlay/underlay/gateway/policy"
)

// What limits and denylists refuse is counted, each by its kind.
func TestRefusalsAreCounted(t *testing.T) {
	node := newNode(t, false, nil)
	file := add(t, node, files.NewBytesFile([]byte("a file")))
	p := policy.Open(policy.Options{})
	deny(t, p, file.String())
	metrics := prometheus.NewRegistry()
	g := start(t, Options{Node: node, Policy: p, Metrics: metrics, Limits: Limits{ClientRate: 1, ClientBurst: 3}})
	for path, want := range map[string]int{file.String(): http.StatusGone, "/ipfs/" + strings.Repeat("x", 9000): http.StatusRequestURITooLong} {
		if got := ask(t, "GET", g.url+path); got.StatusCode != want {
			t.Errorf("%.50s: %s, want %d", path, got.Status, want)
		}
	}
	limited := 0
	for range 20 {
		if ask(t, "GET", g.url+"/").StatusCode == http.StatusTooManyRequests {
			limited++
		}
	}
	for kind, want := range map[string]int{"shape": 1, "rate": limited, "full": 0} {
		if got := figure(t, metrics, "underlay_gateway_refusals_total", kind); got != float64(want) {
			t.Errorf("%v refusals of kind %s, want %d", got, kind, want)
		}
	}
	if limited == 0 {
		t.Error("20 requests at once were not limited")
	}
	if p.Refusals() != 1 {
		t.Errorf("%d denials, want 1", p.Refusals())
	}
}

// Whatever is asked for, it is counted as one of a few things.
func TestRoutesAreFew(t *testing.T) {
	for url, want := range map[string]string{
		"http://example.org/ipfs/bafkqaaa/a/b": "/ipfs/", "http://example.org/ipns/example.net": "/ipns/", "http://example.org/readyz": "/readyz",
		"http://bafkqaaa.ipfs.example.org/readyz": "subdomain", "http://example.org/": "other", "http://example.org/anything": "other",
		"http://anything.example.org/ipfs": "other",
	} {
		r, err := http.NewRequest("GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := Route(r); got != want {
			t.Errorf("%s is counted as %s, want %s", url, got, want)
		}
	}
}
