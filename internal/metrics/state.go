package metrics

import "github.com/prometheus/client_golang/prometheus"

// State is a collector that reads a state once when it is asked, and shows it as several series. It costs nothing in between.
type State[S any] struct {
	read   func() S
	series []Series[S]
}

// Series is one figure of a state.
type Series[S any] struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(S) float64
}

// NewState makes a collector of the series.
func NewState[S any](read func() S, series ...Series[S]) State[S] { return State[S]{read, series} }

// Gauge is a figure that goes up and down. labels are pairs of names and values.
func Gauge[S any](name, help string, of func(S) float64, labels ...string) Series[S] {
	return Series[S]{describe(name, help, labels), prometheus.GaugeValue, of}
}

// Counter is a figure that only grows.
func Counter[S any](name, help string, of func(S) float64, labels ...string) Series[S] {
	return Series[S]{describe(name, help, labels), prometheus.CounterValue, of}
}

func describe(name, help string, labels []string) *prometheus.Desc {
	constant := make(prometheus.Labels)
	for i := 0; i+1 < len(labels); i += 2 {
		constant[labels[i]] = labels[i+1]
	}
	return prometheus.NewDesc(name, help, nil, constant)
}

// Describe implements prometheus.Collector.
func (s State[S]) Describe(to chan<- *prometheus.Desc) {
	for _, one := range s.series {
		to <- one.desc
	}
}

// Collect implements prometheus.Collector.
func (s State[S]) Collect(to chan<- prometheus.Metric) {
	state := s.read()
	for _, one := range s.series {
		to <- prometheus.MustNewConstMetric(one.desc, one.kind, one.of(state))
	}
}

// Truth is 1 for what is so, 0 for what is not.
func Truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
