package stockbench

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// report gathers the figures of both sides and prints them as Markdown.
type report struct {
	existing, rounds int
	pins             map[string]map[int][]pinFigures  // by side, by clients: one for each round
	bulk             []float64                        // pins per second, ours alone: stock has none
	reads            map[string]map[int][]readFigures // likewise
	memory           map[string]float64               // MiB per host
	startup          map[string]time.Duration
	restarts         map[string][]restartFigures
	kills            map[string][]float64 // seconds
}

func newReport(existing, rounds int) *report {
	return &report{
		existing: existing, rounds: rounds,
		pins:     make(map[string]map[int][]pinFigures),
		reads:    make(map[string]map[int][]readFigures),
		memory:   make(map[string]float64),
		startup:  make(map[string]time.Duration),
		restarts: make(map[string][]restartFigures),
		kills:    make(map[string][]float64),
	}
}

func (r *report) addPins(s *side, c cell, f pinFigures) { addRound(r.pins, s, c.clients, f) }

func (r *report) addReads(s *side, clients int, f readFigures) { addRound(r.reads, s, clients, f) }

func (r *report) addRestart(s *side, f restartFigures) {
	r.restarts[s.name] = append(r.restarts[s.name], f)
}

func addRound[T any](to map[string]map[int][]T, s *side, clients int, f T) {
	if to[s.name] == nil {
		to[s.name] = make(map[int][]T)
	}
	to[s.name][clients] = append(to[s.name][clients], f)
}

// row is one line of a table: a figure of both sides, for each round.
type row struct {
	what        string
	stock, ours []float64
	format      string
	smaller     bool // the smaller figure is the better one
}

// markdown prints the tables. Figures are medians over the rounds; a ratio tells how many times better ours is, and its
// spread is that of the rounds taken one by one.
func (r *report) markdown() string {
	var out strings.Builder
	fmt.Fprintf(&out, "\n### %d existing pins, %d rounds\n\n", r.existing, r.rounds)
	out.WriteString("| work | stock | underlay | times better | spread |\n|---|---|---|---|---|\n")
	for _, line := range slices.Concat(r.pinRows(), r.readRows(), r.otherRows()) {
		out.WriteString(line.markdown())
	}
	return out.String()
}

func (r *report) pinRows() []row {
	var rows []row
	for _, c := range cells() {
		pick := func(what, format string, smaller bool, f func(pinFigures) float64) {
			rows = append(rows, row{
				what:  fmt.Sprintf("%s, %d clients", what, c.clients),
				stock: each(r.pins["stock"][c.clients], f), ours: each(r.pins["underlay"][c.clients], f),
				format: format, smaller: smaller,
			})
		}
		pick("pins acknowledged per s", "%.0f", false, func(f pinFigures) float64 { return f.acknowledged })
		pick("p50 ms", "%.1f", true, func(f pinFigures) float64 { return f.p50 })
		pick("p99 ms", "%.1f", true, func(f pinFigures) float64 { return f.p99 })
		pick("pins complete on all three per s", "%.0f", false, func(f pinFigures) float64 { return f.complete })
		pick("CPU ms per complete pin, all peers", "%.2f", true, func(f pinFigures) float64 { return f.cpu })
	}
	return rows
}

func (r *report) readRows() []row {
	var rows []row
	for _, clients := range []int{1, 16} {
		pick := func(what, format string, smaller bool, f func(readFigures) float64) {
			rows = append(rows, row{
				what:  fmt.Sprintf("%s, %d clients", what, clients),
				stock: each(r.reads["stock"][clients], f), ours: each(r.reads["underlay"][clients], f),
				format: format, smaller: smaller,
			})
		}
		pick("% of reads on another peer that see the write", "%.1f", false, func(f readFigures) float64 { return 100 * f.seen })
		pick("p50 ms of such a read", "%.2f", true, func(f readFigures) float64 { return f.first })
		pick("p50 ms of the same read when quiet", "%.2f", true, func(f readFigures) float64 { return f.second })
	}
	return rows
}

func (r *report) otherRows() []row {
	seconds := func(f func(restartFigures) time.Duration) func(restartFigures) float64 {
		return func(r restartFigures) float64 { return f(r).Seconds() }
	}
	ready := seconds(func(f restartFigures) time.Duration { return f.ready })
	caughtUp := seconds(func(f restartFigures) time.Duration { return f.caughtUp })
	return []row{
		{"pins acknowledged per s, one bulk request", nil, r.bulk, "%.0f", false},
		{"start of three peers to ready, s", []float64{r.startup["stock"].Seconds()}, []float64{r.startup["underlay"].Seconds()}, "%.1f", true},
		{"restart of one peer until it acknowledges writes, s", each(r.restarts["stock"], ready), each(r.restarts["underlay"], ready), "%.2f", true},
		{"restart of one peer until its node has caught up, s", each(r.restarts["stock"], caughtUp), each(r.restarts["underlay"], caughtUp), "%.2f", true},
		{"leader killed: longest gap between writes, s", r.kills["stock"], r.kills["underlay"], "%.2f", true},
		{"memory per peer (PSS) after the rounds, MiB", []float64{r.memory["stock"]}, []float64{r.memory["underlay"]}, "%.0f", true},
	}
}

func each[T any](from []T, f func(T) float64) []float64 {
	out := make([]float64, len(from))
	for i, v := range from {
		out[i] = f(v)
	}
	return out
}

// markdown prints the row. A side that was not measured has no figures.
func (r row) markdown() string {
	ratios := make([]float64, min(len(r.stock), len(r.ours)))
	for i := range ratios {
		ratios[i] = r.ours[i] / r.stock[i]
		if r.smaller {
			ratios[i] = r.stock[i] / r.ours[i]
		}
	}
	figure := func(values []float64) string {
		if len(values) == 0 {
			return "-"
		}
		return fmt.Sprintf(r.format, median(values))
	}
	times, spread := "", ""
	if len(ratios) > 0 {
		times = fmt.Sprintf("%.1f", median(ratios))
	}
	if len(ratios) > 1 {
		spread = fmt.Sprintf("%.1f..%.1f", slices.Min(ratios), slices.Max(ratios))
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", r.what, figure(r.stock), figure(r.ours), times, spread)
}

func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	if len(v) == 0 {
		return 0
	}
	if len(v)%2 == 0 {
		return (v[len(v)/2-1] + v[len(v)/2]) / 2
	}
	return v[len(v)/2]
}
