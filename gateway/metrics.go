package gateway

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/underlay/underlay/gateway/limits"
	"github.com/underlay/underlay/gateway/policy"
)

// refusals counts what the limits refuse, by kind.
type refusals map[limits.Kind]prometheus.Counter

// count counts one.
func (r refusals) count(kind limits.Kind) { r[kind].Inc() }

// countRefusals registers what the gateway counts of its limits and of what it denies. With other options it counts on.
func countRefusals(to prometheus.Registerer, denied *policy.Policy) (refusals, error) {
	byKind := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "underlay_gateway_refusals_total", Help: "Requests that a limit of the gateway has refused or ended, by limit.",
	}, []string{"kind"})
	byKind, err := register(to, byKind)
	if err != nil {
		return nil, err
	}
	_, err = register(to, prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "underlay_gateway_denials_total", Help: "Paths, names and blocks that the gateway has not served because a denylist denies them.",
	}, func() float64 { return float64(denied.Refusals()) }))
	r := make(refusals)
	for _, kind := range limits.Kinds() {
		r[kind] = byKind.WithLabelValues(string(kind))
	}
	return r, err
}

// register returns the collector that counts from now on: c, or the one that is registered already.
func register[C prometheus.Collector](to prometheus.Registerer, c C) (C, error) {
	err := to.Register(c)
	if of, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if existing, same := of.ExistingCollector.(C); same {
			return existing, nil
		}
	}
	if err != nil {
		return c, fmt.Errorf("register what the gateway refuses: %w", err)
	}
	return c, nil
}
