package metrics

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// hostLabel says whose library has made a series.
const hostLabel = "host"

// Host is the registry of a library that runs within this process as if it were the whole of it.
type Host struct {
	Name string
	From prometheus.Gatherer
}

// Merge shows own and the registries of several hosts as one. What the hosts have gets the label host, and a name by the
// conventions; what they all tell of the process is left out, since own tells it.
func Merge(own prometheus.Gatherer, hosts ...Host) prometheus.Gatherer {
	all := prometheus.Gatherers{own}
	for _, h := range hosts {
		all = append(all, h)
	}
	return all
}

// Gather implements prometheus.Gatherer.
func (h Host) Gather() ([]*dto.MetricFamily, error) {
	families, err := h.From.Gather()
	if err != nil {
		err = fmt.Errorf("gather metrics of %s: %w", h.Name, err)
	}
	families = slices.DeleteFunc(families, func(f *dto.MetricFamily) bool { return ofProcess(f.GetName()) })
	for _, f := range families {
		mend(f)
		for _, m := range f.Metric {
			if clash := label(m, h.Name); clash {
				err = errors.Join(err, fmt.Errorf("metric %s of %s has a label %s of its own", f.GetName(), h.Name, hostLabel))
			}
		}
	}
	return families, err
}

// ofProcess tells what describes the whole process.
func ofProcess(name string) bool {
	return strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") || strings.HasPrefix(name, "promhttp_")
}

// label adds the label, in the order of their names, and reports whether there was one.
func label(m *dto.Metric, host string) (clash bool) {
	at, clash := slices.BinarySearchFunc(m.Label, hostLabel, func(l *dto.LabelPair, name string) int { return strings.Compare(l.GetName(), name) })
	if !clash {
		m.Label = slices.Insert(m.Label, at, &dto.LabelPair{Name: new(hostLabel), Value: new(host)})
	}
	return clash
}
