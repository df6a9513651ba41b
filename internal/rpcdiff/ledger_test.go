package rpcdiff

import (
	"regexp"
	"slices"
	"strings"
)

// difference is an entry of the table of what is not as on kubo, and why.
type difference struct {
	test  string // name of a case; * stands for any text in this and the next two
	step  string
	field string
	on    []string // the targets that may have it
	ours  string   // a regular expression that our value matches; empty: any
	why   string
	// varies is set where chance decides whether the difference shows, such as which of three peers is asked first.
	varies bool
}

func (d difference) covers(m mismatch) bool {
	return like(d.test, m.test) && like(d.step, m.step) && like(d.field, m.field) &&
		slices.Contains(d.on, m.target) && regexp.MustCompile(d.ours).MatchString(m.ours)
}

// like matches a name with a pattern in which * stands for any text.
func like(pattern, name string) bool {
	expr := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, "(?s:.*)")
	return regexp.MustCompile("^" + expr + "$").MatchString(name)
}

// judge tells which mismatches of a case are not known, and which entries that concern it no longer differ. A mismatch
// counts for the first entry that covers it, so what is more specific stands further up.
func judge(known []difference, c testCase, found []mismatch) (surprises []mismatch, stale []difference) {
	seen := make([]bool, len(known))
	for _, m := range found {
		if i := slices.IndexFunc(known, func(d difference) bool { return d.covers(m) }); i >= 0 {
			seen[i] = true
		} else {
			surprises = append(surprises, m)
		}
	}
	for i, d := range known {
		if like(d.test, c.name) && !seen[i] && !d.varies {
			stale = append(stale, d)
		}
	}
	return merge(surprises), stale
}
