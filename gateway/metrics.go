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

// countRefusals registers what the gateway counts of its limits and of what it denies.
func countRefusals(to prometheus.Registerer, denied *policy.Policy) (refusals, error) {
	byKind := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "underlay_gateway_refusals_total", Help: "Requests that a limit of the gateway has refused or ended, by limit.",
	}, []string{"kind"})
	r := make(refusals)
	for _, kind := range limits.Kinds() {
		r[kind] = byKind.WithLabelValues(string(kind))
	}
	err := errors.Join(to.Register(byKind), to.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "underlay_gateway_denials_total", Help: "Paths, names and blocks that the gateway has not served because a denylist denies them.",
	}, func() float64 { return float64(denied.Refusals()) })))
	if err != nil {
		return nil, fmt.Errorf("register what the gateway refuses: %w", err)
	}
	return r, nil
}
