package rpcdiff

import (
	"regexp"
	"testing"
)

// difference is an entry of the table of what is not as on kubo, and why.
type difference struct {
	test  string // name of a case; * stands for any text in this and the next two
	step  string
	field string
	on    string // a target, or empty: all of ours
	ours  string // a regular expression that our value matches; empty: any
	why   string
	// varies is set where chance decides whether the difference shows, such as which of three peers answers.
	varies bool
}

func (d difference) covers(m mismatch) bool {
	return like(d.test, m.test) && like(d.step, m.step) && like(d.field, m.field) &&
		(d.on == "" || like(d.on, m.target)) && regexp.MustCompile(d.ours).MatchString(m.ours)
}

// like matches a name with a pattern in which * stands for any text.
func like(pattern, name string) bool {
	if pattern == name {
		return true
	}
	expr := "^" + regexp.MustCompile(`\\\*`).ReplaceAllString(regexp.QuoteMeta(pattern), "(?s:.*)") + "$"
	return regexp.MustCompile(expr).MatchString(name)
}

// ledger compares what was found with what is known.
type ledger struct{ known []difference }

func newLedger(known []difference) *ledger { return &ledger{known} }

// settle fails the test of a case for every mismatch that is not known, and for everything known that was not found.
func (l *ledger) settle(t *testing.T, c testCase, found []mismatch) {
	t.Helper()
	seen := make([]bool, len(l.known))
	for _, m := range found {
		expected := false
		for i, d := range l.known {
			if d.covers(m) {
				expected, seen[i] = true, true
			}
		}
		if !expected {
			t.Errorf("%s differs from kubo: %s", m.target, m)
		}
	}
	for i, d := range l.known {
		if like(d.test, c.name) && !seen[i] && !d.varies {
			t.Errorf("no longer different, remove it from the table: %s, %s (%s)", d.step, d.field, d.why)
		}
	}
}
