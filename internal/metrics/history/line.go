package history

import (
	"math"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// Kind says how a value is made of a metric.
type Kind string

// Kinds of lines.
const (
	Value     Kind = "value"      // of a gauge, as it is
	PerSecond Kind = "per_second" // by which a counter has grown since the sample before
	Mean      Kind = "mean"       // of what a histogram has observed since the sample before
)

// Line is one figure that is remembered: the sum over all series of a metric that have the labels.
type Line struct {
	Name   string            `json:"name"` // what it is called here
	Kind   Kind              `json:"kind"`
	Unit   string            `json:"unit"`
	Metric string            `json:"-"`
	Labels map[string]string `json:"-"`
}

// total is what a metric has in all. Of a histogram both are used.
type total struct{ sum, count float64 }

// reading is what all lines had at one time.
type reading struct {
	at     time.Time
	totals []total
}

func read(at time.Time, lines []Line, families []*dto.MetricFamily) reading {
	by := make(map[string]*dto.MetricFamily, len(families))
	for _, f := range families {
		by[f.GetName()] = f
	}
	r := reading{at, make([]total, len(lines))}
	for i, l := range lines {
		r.totals[i] = l.total(by[l.Metric])
	}
	return r
}

func (l Line) total(f *dto.MetricFamily) (t total) {
	for _, m := range f.GetMetric() {
		if !l.matches(m) {
			continue
		}
		t.sum += m.GetGauge().GetValue() + m.GetCounter().GetValue() + m.GetHistogram().GetSampleSum()
		t.count += float64(m.GetHistogram().GetSampleCount())
	}
	return t
}

func (l Line) matches(m *dto.Metric) bool {
	found := 0
	for _, label := range m.GetLabel() {
		if want, ok := l.Labels[label.GetName()]; ok && want == label.GetValue() {
			found++
		}
	}
	return found == len(l.Labels)
}

// since makes the values of a sample, of what was read now and before.
func (r reading) since(before reading, lines []Line) []float64 {
	values := make([]float64, len(lines))
	for i, l := range lines {
		now := r.totals[i]
		switch {
		case l.Kind == Value:
			values[i] = now.sum
		case before.totals == nil:
			values[i] = math.NaN()
		case l.Kind == PerSecond:
			values[i] = (now.sum - before.totals[i].sum) / r.at.Sub(before.at).Seconds()
		default: // NaN if nothing was observed
			values[i] = (now.sum - before.totals[i].sum) / (now.count - before.totals[i].count)
		}
	}
	return values
}
