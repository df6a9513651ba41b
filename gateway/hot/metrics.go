package hot

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// figures count what the cache does.
type figures struct {
	answerHits, answerMisses, evictedAnswers atomic.Uint64
	nodeHits, nodeMisses, evictedNodes       atomic.Uint64
}

// register shows the figures. Those of answers and of nodes differ by the label kind.
func (c *Cache) register(to prometheus.Registerer) error {
	counter := func(name, kind, help string, n *atomic.Uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: "underlay", Subsystem: "gateway_cache", Name: name, Help: help, ConstLabels: prometheus.Labels{"kind": kind},
		}, func() float64 { return float64(n.Load()) })
	}
	size := func(kind string, bytes func() uint64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "underlay", Subsystem: "gateway_cache", Name: "bytes", Help: "Memory that is in use.",
			ConstLabels: prometheus.Labels{"kind": kind},
		}, func() float64 { return float64(bytes()) })
	}
	const hits, misses, evictions = "Lookups that found something.", "Lookups that found nothing.", "Entries that had to make room."
	f := &c.figures
	for _, m := range []prometheus.Collector{
		counter("hits_total", "answers", hits, &f.answerHits),
		counter("hits_total", "nodes", hits, &f.nodeHits),
		counter("misses_total", "answers", misses, &f.answerMisses),
		counter("misses_total", "nodes", misses, &f.nodeMisses),
		counter("evictions_total", "answers", evictions, &f.evictedAnswers),
		counter("evictions_total", "nodes", evictions, &f.evictedNodes),
		size("answers", c.answers.WeightedSize),
		size("nodes", c.nodes.WeightedSize),
	} {
		err := to.Register(m)
		if of, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok { // of a cache in whose place this one comes
			to.Unregister(of.ExistingCollector)
			err = to.Register(m)
		}
		if err != nil {
			return fmt.Errorf("register figures of the cache: %w", err)
		}
	}
	return nil
}
