package apidiff

import (
	"regexp"
	"slices"
	"strings"
)

// Difference is an entry of the table of what is not as the model has it, and why.
type Difference struct {
	Test  string // name of a test; * stands for any text in this and the next two
	Step  string
	Field string
	On    []string // the targets that may have it
	Ours  string   // a regular expression that our value matches; empty: any
	Why   string
	// Varies is set where chance decides whether the difference shows, such as which of three peers is asked first.
	Varies bool
}

func (d Difference) covers(m Mismatch) bool {
	return like(d.Test, m.Test) && like(d.Step, m.Step) && like(d.Field, m.Field) &&
		slices.Contains(d.On, m.Target) && regexp.MustCompile(d.Ours).MatchString(m.Ours)
}

// like matches a name with a pattern in which * stands for any text.
func like(pattern, name string) bool {
	expr := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, "(?s:.*)")
	return regexp.MustCompile("^" + expr + "$").MatchString(name)
}

// Judge tells which mismatches of a test are not known, and which entries that concern it no longer differ. A mismatch
// counts for the first entry that covers it, so what is more specific stands further up.
func Judge(known []Difference, test string, found []Mismatch) (surprises []Mismatch, stale []Difference) {
	seen := make([]bool, len(known))
	for _, m := range found {
		if i := slices.IndexFunc(known, func(d Difference) bool { return d.covers(m) }); i >= 0 {
			seen[i] = true
		} else {
			surprises = append(surprises, m)
		}
	}
	for i, d := range known {
		if like(d.Test, test) && !seen[i] && !d.Varies {
			stale = append(stale, d)
		}
	}
	return merge(surprises), stale
}
