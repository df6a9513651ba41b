package itest

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// psaClients make requests at the same time.
const psaClients = 16

// BenchmarkPSA makes requests of the pinning service through all peers in turn, 10,000 or as many as BENCH_REQUESTS says,
// and then lists them. Pins through the REST API by as many clients are the measure.
func BenchmarkPSA(b *testing.B) {
	total := 10_000
	if n, err := strconv.Atoi(os.Getenv("BENCH_REQUESTS")); err == nil {
		total = n
	}
	c := Start(b)
	measure := func(what string, total int, one func(p *Peer, n int) error) {
		began, before := time.Now(), c.cpu()
		askMany(b, c, total, one)
		b.ReportMetric(float64(total)/time.Since(began).Seconds(), what+"/s")
		b.ReportMetric(float64((c.cpu()-before).Microseconds())/1000/float64(total), "cpu-ms/"+what)
	}
	measure("REST-pin", min(total, 5000), func(p *Peer, n int) error {
		_, err := p.Do(http.MethodPost, "/pins/"+InlineCid(fmt.Sprintf("pin %d", n)))
		return err
	})
	measure("create", total, func(p *Peer, n int) error {
		name := fmt.Sprintf("request %d", n)
		_, err := p.AskToPin(InlineCid(name), name)
		return err
	})
	p := c.Peers[0]
	began := time.Now()
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

// cpu is the time that the processors have spent on all peers.
func (c *Cluster) cpu() (total time.Duration) {
	c.t.Helper()
	const tick = time.Second / 100 // what the kernel counts in
	for _, p := range c.Peers {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID))
		if err != nil {
			c.t.Fatal(err)
		}
		fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
		for _, field := range fields[11:13] { // in user and in system mode
			ticks, err := strconv.Atoi(field)
			if err != nil {
				c.t.Fatal(err)
			}
			total += time.Duration(ticks) * tick
		}
	}
	return total
}

// askMany asks many times with many clients.
func askMany(b *testing.B, c *Cluster, total int, one func(p *Peer, n int) error) {
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
				if err := one(p, int(n)); err != nil {
					return err
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
}
