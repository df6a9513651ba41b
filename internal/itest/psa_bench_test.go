package itest

import (
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// psaClients make requests at the same time.
const psaClients = 16

// BenchmarkPSA makes requests of the pinning service through all peers in turn, 10,000 or as many as BENCH_REQUESTS says,
// and then lists them.
func BenchmarkPSA(b *testing.B) {
	total := 10_000
	if n, err := strconv.Atoi(os.Getenv("BENCH_REQUESTS")); err == nil {
		total = n
	}
	c := Start(b)
	began := time.Now()
	askMany(b, c, total)
	b.ReportMetric(float64(total)/time.Since(began).Seconds(), "creates/s")
	p := c.Peers[0]
	began = time.Now()
	Eventually(b, 10*time.Minute, func() error {
		list, err := p.PinRequests("limit=1")
		if err == nil && list.Count != total {
			err = fmt.Errorf("%d of %d are pinned", list.Count, total)
		}
		return err
	})
	b.ReportMetric(time.Since(began).Seconds(), "s-until-pinned")
	Eventually(b, 10*time.Minute, func() error { return settled(p) })
	b.ReportMetric(time.Since(began).Seconds(), "s-until-settled")
	for what, filters := range map[string][]string{
		"first-page":  {},
		"any-status":  {anyStatus},
		"by-name":     {"name=request 17"},
		"by-part":     {"name=EST 17", "match=ipartial"},
		"by-cid":      {"cid=" + InlineCid("request 17")},
		"by-meta":     {`meta={"no":"such"}`},
		"oldest-1000": {"limit=1000", "after=" + time.Now().Add(-time.Hour).Format(time.RFC3339)},
	} {
		began := time.Now()
		const rounds = 5
		for range rounds {
			if _, err := p.PinRequests(filters...); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(time.Since(began).Milliseconds())/rounds, "ms-"+what)
	}
}

// settled returns nil when the peers are no longer asked about the requests that a list shows.
func settled(p *Peer) error {
	list, err := p.PinRequests("limit=1000")
	for _, r := range list.Results {
		if len(r.Info) > 0 {
			return fmt.Errorf("request %s is not settled: %v", r.RequestID, r.Info)
		}
	}
	return err
}

// askMany makes requests, each for a CID of its own, with many clients.
func askMany(b *testing.B, c *Cluster, total int) {
	b.Helper()
	var next atomic.Int64
	var g errgroup.Group
	for client := range psaClients {
		p := c.Peers[client%len(c.Peers)]
		g.Go(func() error {
			for {
				n := next.Add(1) - 1
				if n >= int64(total) {
					return nil
				}
				name := fmt.Sprintf("request %d", n)
				if _, err := p.AskToPin(InlineCid(name), name); err != nil {
					return err
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
}
