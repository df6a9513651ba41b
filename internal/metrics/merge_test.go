package metrics

import (
	"bytes"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
)

// hostile is a registry as libraries have it: with what every process has, and with names that break the conventions.
func hostile(value float64) *prometheus.Registry {
	r := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "store_hits", Help: "Hits."})
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "store_wanted_total"})
	number := prometheus.NewGauge(prometheus.GaugeOpts{Name: "store_protocols_count", Help: "Protocols."})
	labelled := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "store_size_bytes", Help: "Size."}, []string{"a", "z"})
	r.MustRegister(counter, gauge, number, labelled, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	counter.Add(value)
	labelled.WithLabelValues("x", "y").Set(value)
	return r
}

func text(t *testing.T, from prometheus.Gatherer) string {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&out, f); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

// Two libraries that have the same names are told apart, what describes the process is there once, and a linter is content.
func TestMergeShowsAllAsOne(t *testing.T) {
	own := prometheus.NewRegistry()
	own.MustRegister(collectors.NewGoCollector())
	got := text(t, Merge(own, Host{"ipfs", hostile(1)}, Host{"cluster", hostile(2)}))
	for _, line := range []string{
		`store_hits_total{host="ipfs"} 1`, `store_hits_total{host="cluster"} 2`, `store_wanted{host="ipfs"} 0`,
		`store_protocols{host="cluster"} 0`, `store_size_bytes{a="x",host="ipfs",z="y"} 1`,
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("%s is missing in\n%s", line, got)
		}
	}
	if n := strings.Count(got, "\ngo_goroutines "); n != 1 {
		t.Errorf("go_goroutines is there %d times", n)
	}
	if strings.Contains(got, "process_") {
		t.Error("a library tells of the process")
	}
	problems, err := promlint.New(strings.NewReader(got)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

// A label that means something else would be lost.
func TestMergeReportsAClash(t *testing.T) {
	r := prometheus.NewRegistry()
	r.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "dials", ConstLabels: prometheus.Labels{"host": "example.org"}}))
	if _, err := Merge(prometheus.NewRegistry(), Host{"ipfs", r}).Gather(); err == nil || !strings.Contains(err.Error(), "metric dials of ipfs has a label host") {
		t.Errorf("error %v", err)
	}
}
