package history

import (
	"context"
	"math"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metered is a registry with one metric of each kind.
type metered struct {
	*prometheus.Registry
	gauge     prometheus.Gauge
	requests  *prometheus.CounterVec
	durations prometheus.Histogram
}

func newMetered() metered {
	m := metered{
		prometheus.NewRegistry(), prometheus.NewGauge(prometheus.GaugeOpts{Name: "queue"}),
		prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests_total"}, []string{"api", "code"}),
		prometheus.NewHistogram(prometheus.HistogramOpts{Name: "took_seconds"}),
	}
	m.MustRegister(m.gauge, m.requests, m.durations)
	return m
}

func (m metered) history() *History {
	return New(m,
		Line{Name: "queue", Kind: Value, Metric: "queue"},
		Line{Name: "requests", Kind: PerSecond, Metric: "requests_total", Labels: map[string]string{"api": "rpc"}},
		Line{Name: "took", Kind: Mean, Metric: "took_seconds"},
		Line{Name: "absent", Kind: Value, Metric: "absent"})
}

func TestSamplesAreValuesRatesAndMeans(t *testing.T) {
	m := newMetered()
	h := m.history()
	start := time.Unix(1000, 0)
	m.gauge.Set(3)
	m.requests.WithLabelValues("rpc", "2xx").Add(100)
	h.take(start)
	m.gauge.Set(5)
	m.requests.WithLabelValues("rpc", "2xx").Add(40)
	m.requests.WithLabelValues("rpc", "5xx").Add(10) // both have the label
	m.requests.WithLabelValues("gateway", "2xx").Add(1000)
	m.durations.Observe(1)
	m.durations.Observe(2)
	h.take(start.Add(Interval))
	h.take(start.Add(2 * Interval))
	got := h.Samples()
	nan := math.NaN()
	for i, want := range [][]float64{{3, nan, nan, 0}, {5, 5, 1.5, 0}, {5, 0, nan, 0}} {
		same := slices.EqualFunc(got[i].Values, want, func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })
		if !same || !got[i].At.Equal(start.Add(time.Duration(i)*Interval)) {
			t.Errorf("sample %d at %s is %v, want %v", i, got[i].At, got[i].Values, want)
		}
	}
}

// An hour is remembered, however long it goes on.
func TestServeKeepsAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMetered().history()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour+time.Second)
		defer cancel()
		if err := h.Serve(ctx); err != nil {
			t.Fatal(err)
		}
		got := h.Samples()
		if len(got) != kept || cap(h.samples) != kept || got[kept-1].At.Sub(got[0].At) != time.Hour-Interval {
			t.Errorf("%d samples in %d places over %s", len(got), cap(h.samples), got[len(got)-1].At.Sub(got[0].At))
		}
	})
}

// JSON has no word for a value that there is not but null.
func TestAnswerIsJSON(t *testing.T) {
	m := newMetered()
	h := m.history()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics/history", nil))
	if want := `"samples":[]`; !strings.Contains(w.Body.String(), want) {
		t.Errorf("without samples: %s, want %s", w.Body, want)
	}
	m.gauge.Set(3)
	h.take(time.Unix(1000, 0))
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics/history", nil))
	for _, want := range []string{`{"interval":10,`, `{"name":"queue","kind":"value","unit":""}`, `"samples":[{"at":1000,"values":[3,null,null,0]}]`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s, want %s", w.Body, want)
		}
	}
}
