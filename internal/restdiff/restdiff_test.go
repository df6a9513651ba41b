package restdiff

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/underlay/underlay/internal/apidiff"
)

// cases lists all cases, in the order in which they run.
func (s suite) cases() []testCase {
	return slices.Concat(
		emptyCases(),
		clusterCases(), routingCases(),
		pinCases(), refusedPinCases(), addCases(), refusedAddCases(),
		pathCases(), listCases(), s.commandCases(), // pins have names from here on: see optionCases
		s.methodCases(), s.commandOptionCases(), optionCases(), addOptionCases(),
		removalCases(),
	)
}

// TestREST tells the same stories to the stock cluster and to ours, one after the other, each to both at once.
func TestREST(t *testing.T) {
	model, ours := startTargets(t)
	known := differences()
	for _, c := range newSuite(t).cases() {
		t.Run(c.name, func(t *testing.T) { check(t, c, model, ours, known) })
	}
}

// check plays a case to both targets and fails the test for what differs and is not known.
func check(t *testing.T, c testCase, model, ours *target, known []apidiff.Difference) {
	t.Helper()
	answers := playBoth(t, c, model, ours)
	var labels []string
	for _, s := range c.steps {
		labels = append(labels, s.label)
	}
	surprises, stale := apidiff.Judge(known, c.name, apidiff.Compare(ours.name, c.name, labels, answers[0], answers[1]))
	for _, m := range surprises {
		t.Errorf("differs from the stock cluster: %s", m)
	}
	for _, d := range stale {
		t.Errorf("no longer different, remove it from the table: %s, %s (%s)", d.Step, d.Field, d.Why)
	}
}

// playBoth runs a case against both targets at the same time.
func playBoth(t *testing.T, c testCase, model, ours *target) [2][]apidiff.Answer {
	t.Helper()
	var answers [2][]apidiff.Answer
	var errs [2]error
	var running sync.WaitGroup
	for i, tg := range []*target{model, ours} {
		running.Go(func() { answers[i], errs[i] = play(t.Context(), tg, c) })
	}
	running.Wait()
	for i, tg := range []*target{model, ours} {
		if errs[i] != nil {
			t.Errorf("%s: %v", tg.name, errs[i])
		}
	}
	for i, a := range answers[0] {
		for field := range a {
			if strings.HasPrefix(field, notCaptured) {
				t.Errorf("the case is wrong: %s: %s by %s in the answer %s", c.steps[i].label, field, a[field], a[apidiff.Body])
			}
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	return answers
}
