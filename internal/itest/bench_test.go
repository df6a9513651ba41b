package itest

import (
	"crypto/rand"
	"os"
	"testing"
	"time"
)

// The figures of one peer and of a small cluster. `make bench` prints them; nothing here fails for being slow.

// BenchmarkStart measures the time from starting three cold peers to all of them ready, and what they then occupy.
func BenchmarkStart(b *testing.B) {
	for range b.N {
		c := Start(b)
		b.ReportMetric(c.Startup.Seconds(), "s-to-ready")
		for name, kib := range c.memory() {
			b.ReportMetric(float64(kib)/1024, "MiB-"+name+"/peer")
		}
		c.close()
	}
	info, err := os.Stat(Underlay(b))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/1e6, "MB-binary")
	b.ReportMetric(0, "ns/op") // says nothing here
}

// memory returns the average over the peers of what the kernel accounts to them, in KiB.
func (c *Cluster) memory() map[string]int {
	c.t.Helper()
	sum := make(map[string]int)
	for _, p := range c.Peers {
		memory, err := p.Memory()
		if err != nil {
			c.t.Fatal(err)
		}
		for name, kib := range memory {
			sum[name] += kib / len(c.Peers)
		}
	}
	return sum
}

// BenchmarkAdd256MiB measures an add of 256 MiB with the stock client until it is acknowledged, and until all three
// peers hold it.
func BenchmarkAdd256MiB(b *testing.B) {
	const size = 256 << 20
	c := Start(b)
	file := b.TempDir() + "/random"
	for range b.N {
		content := make([]byte, size)
		rand.Read(content)
		if err := os.WriteFile(file, content, 0o600); err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		cid := lastLine(IPFS(b, "--api", Multiaddr(c.Peers[0].API), "add", "-Q", file))
		b.ReportMetric(size/(1<<20)/time.Since(began).Seconds(), "MiB/s-acknowledged")
		Eventually(b, time.Minute, func() error { return c.Peers[1].PinnedEverywhere(cid, len(c.Peers)) })
		b.ReportMetric(size/(1<<20)/time.Since(began).Seconds(), "MiB/s-on-all-peers")
		c.Acked(cid)
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkAddSmall measures adds of 4 KiB through three peers in turn, one at a time.
func BenchmarkAddSmall(b *testing.B) {
	const files = 200
	c := Start(b)
	for range b.N {
		began := time.Now()
		for i := range files {
			content := make([]byte, 4096)
			rand.Read(content)
			cid, err := c.Peers[i%len(c.Peers)].Add(content, "")
			if err != nil {
				b.Fatal(err)
			}
			c.Acked(cid)
		}
		b.ReportMetric(files/time.Since(began).Seconds(), "files/s")
	}
	b.ReportMetric(0, "ns/op")
}
