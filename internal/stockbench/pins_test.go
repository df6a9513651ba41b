package stockbench

import (
	"slices"
	"testing"
	"time"
)

// cell is one measurement: a number of clients that pin a number of CIDs, one by one.
type cell struct {
	clients         int
	onStock, onOurs int // pins
}

// cells are sized so that each takes some seconds on either side.
func cells() []cell {
	return []cell{{1, 300, 800}, {16, 1000, 6000}, {64, 1500, 12000}}
}

func (c cell) pins(s *side) int {
	if s.name == "stock" {
		return c.onStock
	}
	return c.onOurs
}

// pinFigures are what one cell yields on one side.
type pinFigures struct {
	acknowledged float64 // pins per second
	p50, p99     float64 // milliseconds
	complete     float64 // pins per second, until all three nodes hold them
	cpu          float64 // milliseconds of all processes per pin, until all three nodes hold them
}

// measurePins stores blocks everywhere, pins them through all hosts, waits for all nodes, and takes the pins back.
func measurePins(b *testing.B, s *side, c cell) pinFigures {
	b.Helper()
	cids := s.importBlocks(b, c.pins(s))
	began := s.mark(b)
	r := load(b, s, c.clients, cids, s.pin)
	done := awaitSettled(b, s, "pinned", cids)

	load(b, s, 16, cids, s.unpin)
	awaitSettled(b, s, "unpinned", cids)
	return pinFigures{
		acknowledged: perSecond(len(cids), r.took),
		p50:          quantile(r.latencies, 0.5), p99: quantile(r.latencies, 0.99),
		complete: perSecond(len(cids), done.at.Sub(began.at)),
		cpu:      milliseconds(done.cpu-began.cpu) / float64(len(cids)),
	}
}

// readFigures tell what a read on another host sees right after an acknowledged write.
type readFigures struct {
	seen          float64 // share of the reads that see the write
	first, second float64 // median milliseconds of that read, and of the same one when all is quiet
}

// measureReads pins through one host and at once asks the next.
func measureReads(b *testing.B, s *side, clients int) readFigures {
	b.Helper()
	const writes = 300
	cids := s.importBlocks(b, writes)
	seen := make(chan time.Duration, writes)
	load(b, s, clients, cids, func(host int, cid string) error {
		if err := s.pin(host, cid); err != nil {
			return err
		}
		began := time.Now()
		if s.sees((host+1)%len(s.hosts), cid) == nil {
			seen <- time.Since(began)
		}
		return nil
	})
	close(seen)
	var first []time.Duration
	for latency := range seen {
		first = append(first, latency)
	}
	slices.Sort(first)
	awaitSettled(b, s, "pinned", cids)
	quiet := load(b, s, clients, cids, func(host int, cid string) error { return s.sees((host+1)%len(s.hosts), cid) })
	load(b, s, 16, cids, s.unpin)
	awaitSettled(b, s, "unpinned", cids)
	return readFigures{
		seen:  float64(len(first)) / writes,
		first: quantile(first, 0.5), second: quantile(quiet.latencies, 0.5),
	}
}
