package stockbench

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/itest"
)

// scrapeInterval is how often the peers are scraped: Prometheus's default is a quarter of a minute.
const scrapeInterval = time.Second

// scrapesMeasured is how many scrapes of each peer are measured by themselves.
const scrapesMeasured = 200

// observed is how the peers are observed while pins are made.
type observed struct {
	name    string
	scraped bool
	traced  int64 // one request in so many is; 0: none
}

// waysToObserve lists them; the first is what the others are compared with.
func waysToObserve() []observed {
	return []observed{
		{name: "not at all"},
		{name: fmt.Sprintf("metrics read every %s", scrapeInterval), scraped: true},
		{name: "one request in 100 traced", traced: 100},
		{name: "every request traced", traced: 1},
	}
}

// BenchmarkObserve tells what it costs pins that the peers are observed: one cluster is in each way, in turns. What a scrape
// takes may be less than what else moves from turn to turn, so that is measured by itself, too.
func BenchmarkObserve(b *testing.B) {
	rounds := intSetting(b, roundsVariable, 10)
	loadPlugins(b)
	b.Setenv("OTEL_TRACES_EXPORTER", "otlp")
	b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", itest.StartCollector(b).URL)
	b.Setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off") // the client says which requests are
	for range b.N {
		s := startOurs(b, inlineCIDs(1000))
		client := &tracing{RoundTripper: s.client.Transport}
		s.client.Transport = client
		ways := waysToObserve()
		cpu := make([][]float64, len(ways)) // ms a pin, by way and round
		var loaded time.Duration            // CPU a second of all peers while pins are made
		for round := range rounds {
			for turn := range ways {
				way := (round + turn) % len(ways)
				f := observedPins(b, s, client, ways[way])
				cpu[way] = append(cpu[way], f.cpu)
				if way == 0 {
					loaded += time.Duration(f.cpu*f.complete*float64(time.Millisecond)) / time.Duration(rounds)
				}
			}
			b.Logf("round %d: %.4f ms of CPU a pin", round+1, lastOf(cpu))
		}
		one := scrapeCPU(b, s)
		fmt.Printf("\n### Observed, %d rounds\n\n| how | CPU ms a pin, all peers | difference |\n|---|---|---|\n", rounds)
		for way, o := range ways {
			more, give := difference(cpu[0], cpu[way])
			fmt.Printf("| %s | %.3f | %+.1f %% ± %.1f |\n", o.name, mean(cpu[way]), more, give)
		}
		fmt.Printf("\nA scrape of all peers takes %.1f ms of CPU. While pins are made the peers take %.0f ms a second: scrapes are %.2f %% of that.\n\n",
			milliseconds(one), milliseconds(loaded), 100*one.Seconds()/scrapeInterval.Seconds()/loaded.Seconds())
	}
	b.ReportMetric(0, "ns/op") // says nothing here
}

func mean(values []float64) (m float64) {
	for _, v := range values {
		m += v / float64(len(values))
	}
	return m
}

func lastOf(series [][]float64) (last []float64) {
	for _, s := range series {
		last = append(last, s[len(s)-1])
	}
	return last
}

// difference is how much more, in percent, values are than others of the same rounds: the mean, and its standard error.
func difference(from, to []float64) (percent, give float64) {
	var each []float64
	for i := range from {
		each = append(each, 100*(to[i]/from[i]-1))
	}
	percent = mean(each)
	var squares float64
	for _, v := range each {
		squares += (v - percent) * (v - percent)
	}
	n := float64(len(each))
	return percent, math.Sqrt(squares / max(n-1, 1) / n)
}

// tracing makes requests ask for a trace, one in so many.
type tracing struct {
	http.RoundTripper
	every, sent atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (t *tracing) RoundTrip(r *http.Request) (*http.Response, error) {
	if every := t.every.Load(); every > 0 && t.sent.Add(1)%every == 0 {
		r = r.Clone(r.Context())
		r.Header.Set("Traceparent", fmt.Sprintf("00-%032x-%016x-01", t.sent.Load(), 1))
	}
	return t.RoundTripper.RoundTrip(r)
}

// observedPins measures pins that 64 clients make while the peers are observed.
func observedPins(b *testing.B, s *side, client *tracing, how observed) pinFigures {
	b.Helper()
	client.every.Store(how.traced)
	defer client.every.Store(0)
	ctx, cancel := context.WithCancel(context.Background())
	var scrapers sync.WaitGroup
	defer scrapers.Wait()
	defer cancel()
	if how.scraped {
		for _, h := range s.hosts {
			scrapers.Go(func() { scrape(ctx, b, h.rpc+"/metrics") })
		}
	}
	return measurePins(b, s, cell{clients: 64, onOurs: 6000})
}

// scrapeCPU is what one scrape of all peers costs them.
func scrapeCPU(b *testing.B, s *side) time.Duration {
	b.Helper()
	began := s.mark(b)
	for range scrapesMeasured {
		for _, h := range s.hosts {
			if _, err := s.request(http.MethodGet, h.rpc+"/metrics"); err != nil {
				b.Fatal(err)
			}
		}
	}
	return (s.mark(b).cpu - began.cpu) / scrapesMeasured
}

// scrape asks for the metrics at each interval until ctx ends, in the form that Prometheus asks for.
func scrape(ctx context.Context, b *testing.B, url string) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(scrapeInterval)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			b.Error(err)
			return
		}
		resp, err := client.Do(req)
		if ctx.Err() != nil {
			return
		}
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Errorf("scrape %s: %v, %v", url, resp, err)
			return
		}
		_, _ = io.Copy(io.Discard, resp.Body) // the next one fails too
		resp.Body.Close()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
