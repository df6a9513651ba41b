package hot

import (
	"fmt"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// figures count what the cache does.
type figures struct {
	answerHits, answerMisses, evictedAnswers atomic.Uint64
	nodeHits, nodeMisses, evictedNodes       atomic.Uint64
}

// Show makes the figures of this cache the ones that are shown, in place of those of another. Those of answers and of nodes differ
// by the label kind.
func (c *Cache) Show(to prometheus.Registerer) error {
	counter := func(name, kind, help string, n *atomic.Uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: "underlay", Subsystem: "gateway_cache", Name: name, Help: help, ConstLabels: prometheus.Labels{"kind": kind},
		}, func() float64 { return float64(n.Load()) })
	}
	gauge := func(name, kind, help string, of func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "underlay", Subsystem: "gateway_cache", Name: name, Help: help, ConstLabels: prometheus.Labels{"kind": kind},
		}, of)
	}
	const hits, misses, evictions = "Lookups that found something.", "Lookups that found nothing.", "Entries that had to make room."
	const bytes, entries = "Memory that is in use.", "Entries that are kept, about."
	f := &c.figures
	for _, m := range []prometheus.Collector{
		counter("hits_total", "answers", hits, &f.answerHits),
		counter("hits_total", "nodes", hits, &f.nodeHits),
		counter("misses_total", "answers", misses, &f.answerMisses),
		counter("misses_total", "nodes", misses, &f.nodeMisses),
		counter("evictions_total", "answers", evictions, &f.evictedAnswers),
		counter("evictions_total", "nodes", evictions, &f.evictedNodes),
		gauge("bytes", "answers", bytes, func() float64 { return float64(c.answers.WeightedSize()) }),
		gauge("bytes", "nodes", bytes, func() float64 { return float64(c.nodes.WeightedSize()) }),
		gauge("entries", "answers", entries, func() float64 { return float64(c.answers.EstimatedSize()) }),
		gauge("entries", "nodes", entries, func() float64 { return float64(c.nodes.EstimatedSize()) }),
	} {
		to.Unregister(m) // one of the same name
		if err := to.Register(m); err != nil {
			return fmt.Errorf("register figures of the cache: %w", err)
		}
	}
	return nil
}
