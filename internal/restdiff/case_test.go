package restdiff

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/underlay/underlay/internal/apidiff"
)

// testCase is a story told to both clusters: steps that follow each other, in variables of its own. CIDs that it pins must
// be its own too, since all cases share the clusters.
type testCase struct {
	name  string
	steps []step
}

// action is what a step does to a target. Its answer has the fields that tell something, with "body" among them.
type action interface {
	do(ctx context.Context, t *target, vars variables) (apidiff.Answer, error)
	// uses names what the action shows to work, for the test of coverage.
	uses() []string
}

// step is one action and how to read its answer. Build it with rest, method or ctl and the functions below. Variables,
// written $name, are replaced in what is sent; a value that a step has captured reads as $name in later answers.
type step struct {
	label    string // by which the table of differences names it
	action   action
	captures []capture
	masks    []string      // regular expressions of what differs from run to run
	omitted  []string      // fields of the answer that say nothing comparable, such as "header Content-Length"
	anyOrder bool          // of the lines of the answer
	part     string        // text by which the entries of a list are chosen that are looked at; empty: all
	awaited  string        // a regular expression: the step is repeated until the body matches
	patience time.Duration // how long it is repeated
}

// capture keeps what the first group of a regular expression matches in the body.
type capture struct{ name, pattern string }

func (s step) named(label string) step      { s.label = label; return s }
func (s step) mask(patterns ...string) step { s.masks = slices.Concat(s.masks, patterns); return s }
func (s step) omit(fields ...string) step   { s.omitted = slices.Concat(s.omitted, fields); return s }
func (s step) inAnyOrder() step             { s.anyOrder = true; return s }
func (s step) only(text string) step        { s.part = text; return s }
func (s step) capture(name, pattern string) step {
	s.captures = slices.Concat(s.captures, []capture{{name, pattern}})
	return s
}

// until repeats the step until its body matches: what follows a change comes after the answer to it.
func (s step) until(pattern string) step {
	s.awaited, s.patience = pattern, settleLimit
	return s
}

// settleLimit is how long a cluster may take to do what the pinset wants.
const settleLimit = 30 * time.Second

// variables are what a case has captured on one target.
type variables map[string]string

// fill replaces variables in text, the longest names first.
func (v variables) fill(text string) string {
	names := slices.SortedFunc(maps.Keys(v), func(a, b string) int { return len(b) - len(a) })
	for _, name := range names {
		text = strings.ReplaceAll(text, "$"+name, v[name])
	}
	return text
}

// name puts the names of variables in the place of their values.
func (v variables) name(text string) string {
	for _, name := range slices.Sorted(maps.Keys(v)) {
		text = strings.ReplaceAll(text, v[name], "$"+name)
	}
	return text
}

// group is some steps that are read alike.
type group []step

func (g group) mask(patterns ...string) group {
	return g.each(func(s step) step { return s.mask(patterns...) })
}
func (g group) inAnyOrder() group      { return g.each(step.inAnyOrder) }
func (g group) only(text string) group { return g.each(func(s step) step { return s.only(text) }) }

func (g group) each(change func(step) step) group {
	var changed group
	for _, s := range g {
		changed = append(changed, change(s))
	}
	return changed
}

// steps joins steps and groups of them.
func steps(all ...any) []step {
	var joined []step
	for _, s := range all {
		switch s := s.(type) {
		case step:
			joined = append(joined, s)
		case group:
			joined = slices.Concat(joined, s)
		}
	}
	return joined
}
