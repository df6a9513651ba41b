// Package history remembers a few figures for an hour, for those who look at a peer without a Prometheus.
//
// Promise: memory is bounded, however long the peer runs. Not promised: that anything outlives the process.
package history

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// Interval is the time between two samples.
	Interval = 10 * time.Second
	// kept is how many samples are remembered: those of an hour.
	kept = int(time.Hour / Interval)
)

// Sample is what the lines had at one time.
type Sample struct {
	At     time.Time
	Values []float64 // in the order of the lines; NaN: nothing to tell
}

// History takes samples of a registry. Its methods may be called from any goroutine.
type History struct {
	from  prometheus.Gatherer
	lines []Line

	mu      sync.Mutex
	samples []Sample // the oldest first
	last    reading  // of the newest
}

// New makes a history of the given lines, which has no samples before Serve.
func New(from prometheus.Gatherer, lines ...Line) *History {
	return &History{from: from, lines: lines, samples: make([]Sample, 0, kept)}
}

// Serve takes a sample now and at every interval, until ctx ends.
func (h *History) Serve(ctx context.Context) error {
	tick := time.NewTicker(Interval)
	defer tick.Stop()
	for {
		h.take(time.Now())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Lines says what there are samples of.
func (h *History) Lines() []Line { return h.lines }

// Samples returns what is remembered, the oldest first.
func (h *History) Samples() []Sample {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Sample(nil), h.samples...)
}

func (h *History) take(at time.Time) {
	families, _ := h.from.Gather() // what failed has no value
	now := read(at, h.lines, families)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.samples) == kept {
		copy(h.samples, h.samples[1:])
		h.samples = h.samples[:kept-1]
	}
	h.samples = append(h.samples, Sample{At: at, Values: now.since(h.last, h.lines)})
	h.last = now
}
