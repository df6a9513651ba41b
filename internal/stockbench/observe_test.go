package stockbench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// scrapeInterval is how often the peers are scraped: Prometheus's default is a quarter of a minute.
const scrapeInterval = time.Second

// BenchmarkObserve tells what it costs pins that the peers are scraped: one cluster is and is not, in turns.
func BenchmarkObserve(b *testing.B) {
	rounds := intSetting(b, roundsVariable, 10)
	loadPlugins(b)
	for range b.N {
		s := startOurs(b, inlineCIDs(1000))
		var costs, with, without []float64
		for round := range rounds {
			for turn := range 2 {
				if scraped := (round+turn)%2 == 1; scraped {
					with = append(with, scrapedPins(b, s))
				} else {
					without = append(without, pinCPU(b, s))
				}
			}
			costs = append(costs, 100*(with[round]/without[round]-1))
			b.Logf("round %d: %.4f ms of CPU a pin, %.4f scraped", round+1, without[round], with[round])
		}
		slices.Sort(costs)
		fmt.Printf("\n### Scraped every %s, %d rounds\n\n| CPU ms a pin, all peers | scraped | cost | spread |\n|---|---|---|---|\n| %.3f | %.3f | %+.1f %% | %+.1f..%+.1f %% |\n\n",
			scrapeInterval, rounds, median(without), median(with), median(costs), costs[0], costs[len(costs)-1])
	}
	b.ReportMetric(0, "ns/op") // says nothing here
}

// pinCPU is what a pin costs all peers, until all three nodes hold it.
func pinCPU(b *testing.B, s *side) float64 {
	b.Helper()
	return measurePins(b, s, cell{clients: 64, onOurs: 12000}).cpu
}

// scrapedPins is pinCPU while the peers are scraped.
func scrapedPins(b *testing.B, s *side) float64 {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var scrapers sync.WaitGroup
	for _, h := range s.hosts {
		scrapers.Go(func() { scrape(ctx, b, h.rpc+"/metrics") })
	}
	defer scrapers.Wait()
	defer cancel()
	return pinCPU(b, s)
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
