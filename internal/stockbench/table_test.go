package stockbench

import (
	"strings"
)

// table gathers rows in the order in which they first come up.
type table struct {
	order []string
	rows  map[string]*row
}

func newTable() *table { return &table{rows: make(map[string]*row)} }

// add adds one round's figure of a side.
func (t *table) add(s *side, what, format string, smaller bool, value float64) {
	r := t.rows[what]
	if r == nil {
		r = &row{what: what, format: format, smaller: smaller}
		t.rows[what], t.order = r, append(t.order, what)
	}
	if s.name == "stock" {
		r.stock = append(r.stock, value)
	} else {
		r.ours = append(r.ours, value)
	}
}

// addLoad adds what one load of requests has shown.
func (t *table) addLoad(s *side, what string, r loadResult, began, done mark) {
	n := len(r.latencies)
	t.add(s, what+": acknowledged per s", "%.0f", false, perSecond(n, r.took))
	t.add(s, what+": p50 ms", "%.1f", true, quantile(r.latencies, 0.5))
	t.add(s, what+": p99 ms", "%.1f", true, quantile(r.latencies, 0.99))
	t.add(s, what+": on all three per s", "%.0f", false, perSecond(n, done.at.Sub(began.at)))
	t.add(s, what+": CPU ms each, all peers", "%.2f", true, milliseconds(done.cpu-began.cpu)/float64(n))
}

func (t *table) markdown() string {
	var out strings.Builder
	out.WriteString("| work | stock | underlay | times better | spread |\n|---|---|---|---|---|\n")
	for _, what := range t.order {
		out.WriteString(t.rows[what].markdown())
	}
	return out.String()
}
