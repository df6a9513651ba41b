package stockbench

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// loadResult describes requests that a number of clients have made.
type loadResult struct {
	took      time.Duration
	latencies []time.Duration // sorted
}

// load has clients call do once for every CID, each on the next host. It ends the benchmark when a call fails.
func load(b *testing.B, s *side, clients int, cids []string, do func(host int, cid string) error) loadResult {
	b.Helper()
	latencies := make([]time.Duration, len(cids))
	var next atomic.Int64
	var g errgroup.Group
	began := time.Now()
	for range clients {
		g.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(cids) {
					return nil
				}
				start := time.Now()
				if err := do(i%len(s.hosts), cids[i]); err != nil {
					return err
				}
				latencies[i] = time.Since(start)
			}
		})
	}
	err := g.Wait()
	took := time.Since(began)
	if err != nil {
		b.Fatalf("%s, %d clients: %v", s.name, clients, err)
	}
	slices.Sort(latencies)
	return loadResult{took: took, latencies: latencies}
}

// perSecond is the rate at which n things were done.
func perSecond(n int, took time.Duration) float64 { return float64(n) / took.Seconds() }

// quantile returns the value that the given share of the sorted ones does not exceed, in milliseconds.
func quantile(sorted []time.Duration, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	i := int(share * float64(len(sorted)))
	return milliseconds(sorted[min(i, len(sorted)-1)])
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
