package stockbench

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/underlay/underlay/internal/itest"
)

// scrapeInterval is how often the peers are scraped: Prometheus's default is a quarter of a minute.
const scrapeInterval = time.Second

// windowLength is how long the peers are observed in one way. Each has many garbage collections in that time.
const windowLength = 2 * time.Second

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

// BenchmarkObserve tells what it costs writes that the peers are observed. Pins are made and taken back without a pause, and the way
// to observe changes every windowLength, in an order that changes too: what else moves on a machine in minutes is in all ways.
func BenchmarkObserve(b *testing.B) {
	rounds := intSetting(b, roundsVariable, 100)
	loadPlugins(b)
	b.Setenv("OTEL_TRACES_EXPORTER", "otlp")
	b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", itest.StartCollector(b).URL)
	b.Setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off") // the client says which requests are
	b.Setenv("OTEL_BSP_SCHEDULE_DELAY", "200")                // ms: a window's traces are sent in that window
	for range b.N {
		s := startOurs(b, inlineCIDs(1000))
		client := &tracing{RoundTripper: s.client.Transport}
		s.client.Transport = client
		w := startWrites(b, s)
		w.window(b, client, observed{}) // until caches are warm
		ways := waysToObserve()
		used := make([][]usage, len(ways)) // by way and round
		for range rounds {
			for _, way := range rand.Perm(len(ways)) {
				used[way] = append(used[way], w.window(b, client, ways[way]))
			}
		}
		w.stop()
		printObserved(ways, used, scrapeCPU(b, s))
	}
	b.ReportMetric(0, "ns/op") // says nothing here
}

// printObserved prints what the peers used in each way, and what a scrape takes by itself.
func printObserved(ways []observed, used [][]usage, scrape time.Duration) {
	fmt.Printf("\n### Observed, %d rounds\n\n| how | CPU ms a write, all peers | difference |\n|---|---|---|\n", len(used[0]))
	alone := each(used[0], usage.perWrite)
	for way, o := range ways {
		cpu := each(used[way], usage.perWrite)
		more, give := difference(alone, cpu)
		fmt.Printf("| %s | %.3f | %+.2f %% ± %.2f |\n", o.name, mean(cpu), more, give)
	}
	second := mean(each(used[0], usage.perSecond))
	fmt.Printf("\nA scrape of all peers takes %.1f ms of CPU. While pins are made the peers take %.0f ms a second: scrapes are %.2f %% of that.\n\n",
		milliseconds(scrape), second, 100*milliseconds(scrape)/scrapeInterval.Seconds()/second)
}

// usage is what all peers used in one window.
type usage struct {
	cpu, took time.Duration
	writes    int64 // acknowledged
}

func (u usage) perWrite() float64  { return milliseconds(u.cpu) / float64(u.writes) }
func (u usage) perSecond() float64 { return milliseconds(u.cpu) / u.took.Seconds() }

func mean(values []float64) (m float64) {
	for _, v := range values {
		m += v / float64(len(values))
	}
	return m
}

// difference is how much more values are than others of the same rounds, in percent of the mean of those, and the standard error. The
// mean of each pair's ratio would be too large: what divides is uncertain.
func difference(from, to []float64) (percent, give float64) {
	base := mean(from)
	var more []float64
	for i := range from {
		more = append(more, 100*(to[i]-from[i])/base)
	}
	percent = mean(more)
	var squares float64
	for _, v := range more {
		squares += (v - percent) * (v - percent)
	}
	n := float64(len(more))
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

// writes are pins that clients make and take back, one after the other, until they are stopped.
type writes struct {
	side *side
	done atomic.Int64 // acknowledged
	stop func()
}

// startWrites has 64 clients write. Each has blocks of its own that all hosts store, and takes back a pin when it has made half as
// many others as it has blocks: so the nodes pin them, too.
func startWrites(b *testing.B, s *side) *writes {
	b.Helper()
	const clients, blocks = 64, 64
	w := &writes{side: s}
	cids := s.importBlocks(b, clients*blocks)
	ctx, cancel := context.WithCancel(b.Context())
	var g errgroup.Group
	for client := range clients {
		own := cids[client*blocks:][:blocks]
		g.Go(func() error { return w.write(ctx, client, own) })
	}
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := g.Wait(); err != nil {
			b.Error(err)
		}
	})
	b.Cleanup(w.stop)
	return w
}

// write is one client, which comes to a new host with every step.
func (w *writes) write(ctx context.Context, client int, own []string) error {
	for n := 0; ctx.Err() == nil; n++ {
		host := (client + n) % len(w.side.hosts)
		if err := w.side.pin(host, own[n%len(own)]); err != nil {
			return err
		}
		w.done.Add(1)
		if n < len(own)/2 {
			continue
		}
		if err := w.side.unpin(host, own[(n+len(own)/2)%len(own)]); err != nil {
			return err
		}
		w.done.Add(1)
	}
	return nil
}

// window measures the peers while they are observed in one way.
func (w *writes) window(b *testing.B, client *tracing, how observed) usage {
	b.Helper()
	client.every.Store(how.traced)
	ctx, cancel := context.WithTimeout(b.Context(), windowLength)
	defer cancel()
	before, written := w.side.mark(b), w.done.Load()
	var scrapers sync.WaitGroup
	if how.scraped {
		for _, h := range w.side.hosts {
			scrapers.Go(func() { scrape(ctx, b, h.rpc+"/metrics") })
		}
	}
	<-ctx.Done()
	scrapers.Wait()
	after := w.side.mark(b)
	u := usage{cpu: after.cpu - before.cpu, took: after.at.Sub(before.at), writes: w.done.Load() - written}
	if u.writes == 0 {
		b.Fatal("nothing was written")
	}
	return u
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
