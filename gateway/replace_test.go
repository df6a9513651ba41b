package gateway

import (
	"strings"
	"testing"

	"github.com/ipfs/boxo/files"
	"github.com/prometheus/client_golang/prometheus"
)

// Other options hold from when they are used, for connections that are open as well; options that cannot be change nothing. The
// figures of the memory are those of the one that is in use.
func TestOptionsAreReplaced(t *testing.T) {
	node := newNode(t, false, nil)
	page := add(t, node, files.NewBytesFile([]byte("a page"))).String()
	metrics := prometheus.NewRegistry()
	g := start(t, Options{Node: node, Metrics: metrics})
	long := g.url + page + "?" + strings.Repeat("q", 1000)
	expect := func(when string, want int) {
		t.Helper()
		if got := ask(t, "GET", long); got.StatusCode != want {
			t.Errorf("%s: status %d, want %d", when, got.StatusCode, want)
		}
	}
	expect("before", 200)
	if _, err := g.Replace(Options{Node: node, Metrics: metrics, LandingPage: "/absent/page.html"}); err == nil {
		t.Error("a landing page that is not there was taken")
	}
	use, err := g.Replace(Options{Node: node, Metrics: metrics, Limits: Limits{PathLength: 500}})
	if err != nil {
		t.Fatal(err)
	}
	expect("prepared", 200)
	use()
	expect("in use", 414)
	for range 3 {
		ask(t, "GET", g.url+page)
	}
	found, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	hits := 0.0
	for _, family := range found {
		if family.GetName() == "underlay_gateway_cache_hits_total" {
			for _, m := range family.GetMetric() {
				hits += m.GetCounter().GetValue()
			}
		}
	}
	if hits == 0 {
		t.Error("the memory that is in use shows no hits")
	}
}
