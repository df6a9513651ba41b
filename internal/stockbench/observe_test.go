package stockbench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"
)

// scrapeInterval is how often the peers are scraped: Prometheus's default is a quarter of a minute.
const scrapeInterval = time.Second

// scrapesMeasured is how many scrapes of each peer are measured by themselves.
const scrapesMeasured = 200

// BenchmarkObserve tells what it costs pins that the peers are scraped: one cluster is and is not, in turns. That difference is
// smaller than what else moves from turn to turn, so a scrape is measured by itself, too.
func BenchmarkObserve(b *testing.B) {
	rounds := intSetting(b, roundsVariable, 10)
	loadPlugins(b)
	for range b.N {
		s := startOurs(b, inlineCIDs(1000))
		var with, without []float64
		var loaded time.Duration // CPU a second of all peers while pins are made
		for round := range rounds {
			for turn := range 2 {
				if (round+turn)%2 == 1 {
					with = append(with, scrapedPins(b, s).cpu)
					continue
				}
				f := pins(b, s)
				without = append(without, f.cpu)
				loaded += time.Duration(f.cpu*f.complete*float64(time.Millisecond)) / time.Duration(rounds)
			}
			b.Logf("round %d: %.4f ms of CPU a pin, %.4f scraped", round+1, without[round], with[round])
		}
		one := scrapeCPU(b, s)
		fmt.Printf(`
### Scraped every %s, %d rounds

| | not scraped | scraped | difference |
|---|---|---|---|
| CPU ms a pin, all peers | %.3f | %.3f | %+.1f %% |

A scrape of all peers takes %.1f ms of CPU. While pins are made the peers take %.0f ms a second: scrapes are %.2f %% of that.

`, scrapeInterval, rounds, mean(without), mean(with), 100*(mean(with)/mean(without)-1),
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

// pins measures pins that 64 clients make.
func pins(b *testing.B, s *side) pinFigures {
	b.Helper()
	return measurePins(b, s, cell{clients: 64, onOurs: 6000})
}

// scrapedPins is pins while the peers are scraped.
func scrapedPins(b *testing.B, s *side) pinFigures {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var scrapers sync.WaitGroup
	for _, h := range s.hosts {
		scrapers.Go(func() { scrape(ctx, b, h.rpc+"/metrics") })
	}
	defer scrapers.Wait()
	defer cancel()
	return pins(b, s)
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
