package metrics

import (
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// mend gives a family of a library the name that Prometheus's conventions want: counters, and nothing else, end in _total, and
// only histograms and summaries have series that end in _count.
func mend(f *dto.MetricFamily) {
	name := f.GetName()
	switch f.GetType() {
	case dto.MetricType_COUNTER:
		name = strings.TrimSuffix(name, "_total") + "_total"
	default:
		name = strings.TrimSuffix(strings.TrimSuffix(name, "_total"), "_count")
	}
	f.Name = &name
	if f.GetHelp() == "" {
		f.Help = new("No help is given by the library that has this.")
	}
}
