package monitoring

import (
	"maps"
	"regexp"
	"slices"
	"testing"
)

var (
	// grouping are the parts of an expression that name labels.
	grouping = regexp.MustCompile(`\b(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)`)
	// selector is the name of a metric that this program may have, with its matchers.
	selector = regexp.MustCompile(`\b(?:(?:underlay|process|go|libp2p|ipfs|ipfscluster)_[a-z0-9_]+|up\b)(?:\{[^}]*\})?`)
)

// selectors lists the series that expressions ask for.
func selectors(expressions ...string) []string {
	found := make(map[string]bool)
	for _, e := range expressions {
		for _, s := range selector.FindAllString(grouping.ReplaceAllString(e, ""), -1) {
			found[s] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func TestSelectorsAreFound(t *testing.T) {
	got := selectors(
		`sum by (go_version, le) (rate(underlay_a_total{api="x",code=~"5xx|aborted"}[30s])) / on (cluster) group_right () scalar(underlay_b)`,
		`up{job="underlay"} == 0 and process_start_time_seconds > 3`, `absent(up)`)
	want := []string{`process_start_time_seconds`, `underlay_a_total{api="x",code=~"5xx|aborted"}`, `underlay_b`, `up`, `up{job="underlay"}`}
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}
