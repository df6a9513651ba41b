package stockbench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The environment sets how much is measured.
const (
	existingVariable = "BENCH_PINS"   // pins before the measurements; several numbers, separated by commas, run one by one
	roundsVariable   = "BENCH_ROUNDS" // how often the sides take turns
	killsVariable    = "BENCH_KILLS"  // how often each side's leader is killed
)

// BenchmarkPins runs both sides beside each other for every number of existing pins, and prints what it finds.
func BenchmarkPins(b *testing.B) {
	rounds, kills := intSetting(b, roundsVariable, 3), intSetting(b, killsVariable, 5)
	loadPlugins(b)
	for _, field := range strings.Split(setting(existingVariable, "10000"), ",") {
		existing, err := strconv.Atoi(field)
		if err != nil || existing < 1 {
			b.Fatalf("%s: %q is not a number of pins", existingVariable, field)
		}
		b.Run("existing="+field, func(b *testing.B) {
			for range b.N {
				compare(b, existing, rounds, kills)
			}
			b.ReportMetric(0, "ns/op") // says nothing here
		})
	}
}

// compare measures both sides and prints the tables.
func compare(b *testing.B, existing, rounds, kills int) {
	cids := inlineCIDs(existing)
	stock, ours := startStock(b, cids), startOurs(b, cids)
	r := newReport(existing, rounds)
	for round := range rounds {
		for _, c := range cells() {
			for _, s := range taking(round, stock, ours) {
				began := time.Now()
				f := measurePins(b, s, c)
				r.addPins(s, c, f)
				b.Logf("round %d, %d clients, %s: %+v (%.0f s)", round+1, c.clients, s.name, f, time.Since(began).Seconds())
			}
		}
		r.bulk = append(r.bulk, measureBulk(b, ours, round))
		for _, clients := range []int{1, 16} {
			for _, s := range taking(round, stock, ours) {
				r.addReads(s, clients, measureReads(b, s, clients))
			}
		}
	}
	for _, s := range []*side{stock, ours} {
		r.memory[s.name] = memory(b, s.pids()) / float64(len(s.hosts))
		r.startup[s.name] = s.startup
	}
	for round := range max(rounds, kills) {
		for _, s := range taking(round, stock, ours) {
			if round < rounds {
				r.addRestart(s, measureRestart(b, s))
			}
			if round < kills {
				r.kills[s.name] = append(r.kills[s.name], measureLeaderKill(b, s).Seconds())
			}
		}
	}
	fmt.Println(r.markdown())
}

// taking returns the sides in the order of the round, so that neither always comes first.
func taking(round int, a, b *side) []*side {
	if round%2 == 1 {
		return []*side{b, a}
	}
	return []*side{a, b}
}

func setting(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

func intSetting(b *testing.B, name string, otherwise int) int {
	b.Helper()
	n, err := strconv.Atoi(setting(name, strconv.Itoa(otherwise)))
	if err != nil || n < 1 {
		b.Fatalf("%s must be a positive number", name)
	}
	return n
}
