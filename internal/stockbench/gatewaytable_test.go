package stockbench

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// gatewayTable gathers the figures of the servers, by kind of work.
type gatewayTable struct {
	servers []webServer
	figures map[gatewayCell]map[string][]gatewayFigures // by server: one for each round
}

func newGatewayTable(servers []webServer) *gatewayTable {
	return &gatewayTable{servers: servers, figures: make(map[gatewayCell]map[string][]gatewayFigures)}
}

func (t *gatewayTable) add(c gatewayCell, s webServer, f gatewayFigures) {
	if t.figures[c] == nil {
		t.figures[c] = make(map[string][]gatewayFigures)
	}
	t.figures[c][s.name] = append(t.figures[c][s.name], f)
}

// markdown prints two tables, what each server does in a second and what a request costs it: medians over the rounds, and
// the ratios of the last server to the first one, round by round.
func (t *gatewayTable) markdown() string {
	return t.table(func(c gatewayCell, f gatewayFigures) float64 {
		if c.unit == "MiB/s" {
			return f.mebibytes
		}
		return f.requests
	}, func(c gatewayCell) string { return c.unit }, "%.0f") + "\n" +
		t.table(func(_ gatewayCell, f gatewayFigures) float64 {
			return float64(f.cpu) / float64(time.Microsecond)
		}, func(gatewayCell) string { return "CPU µs/request" }, "%.0f")
}

func (t *gatewayTable) table(figure func(gatewayCell, gatewayFigures) float64, unit func(gatewayCell) string, format string) string {
	var out strings.Builder
	first, last := t.servers[0].name, t.servers[len(t.servers)-1].name
	out.WriteString("| work | connections | figure |")
	for _, s := range t.servers {
		out.WriteString(" " + s.name + " |")
	}
	fmt.Fprintf(&out, " %s / %s | spread |\n|---|---|---|%s---|---|\n", last, first, strings.Repeat("---|", len(t.servers)))
	for _, c := range gatewayCells() {
		values := func(server string) (v []float64) {
			for _, f := range t.figures[c][server] {
				v = append(v, figure(c, f))
			}
			return v
		}
		fmt.Fprintf(&out, "| %s | %d | %s |", c.what, c.connections, unit(c))
		for _, s := range t.servers {
			fmt.Fprintf(&out, " "+format+" |", median(values(s.name)))
		}
		limit, ratios := values(first), values(last)
		for i := range ratios {
			ratios[i] /= limit[i]
		}
		fmt.Fprintf(&out, " %.2f | %.2f..%.2f |\n", median(ratios), slices.Min(ratios), slices.Max(ratios))
	}
	return out.String()
}
