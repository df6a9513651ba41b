package restdiff

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"time"

	"github.com/underlay/underlay/internal/apidiff"
)

// answerLimit is how long a target may take for one step before the case fails.
const answerLimit = 60 * time.Second

// notCaptured begins the name of the field that an answer has for each variable that was not in it.
const notCaptured = "no $"

// play runs the steps of a case against a target. An error means that a step could not be carried out at all.
func play(ctx context.Context, t *target, c testCase) ([]apidiff.Answer, error) {
	vars := maps.Clone(t.given)
	var answers []apidiff.Answer
	for _, s := range c.steps {
		got, err := t.carryOut(ctx, s, vars)
		if err != nil {
			return answers, fmt.Errorf("%s: %w", s.label, err)
		}
		answers = append(answers, t.normalise(s, got, vars))
	}
	return answers, nil
}

// carryOut does what a step says, again and again if it awaits something.
func (t *target) carryOut(ctx context.Context, s step, vars variables) (apidiff.Answer, error) {
	awaited := regexp.MustCompile(s.awaited)
	giveUp := time.Now().Add(s.patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		got, err := t.once(ctx, s, vars)
		if err != nil || s.awaited == "" || awaited.MatchString(got[apidiff.Body]) {
			return got, err
		}
		if time.Now().After(giveUp) {
			return nil, fmt.Errorf("after %s the answer is still %v", s.patience, got)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (t *target) once(ctx context.Context, s step, vars variables) (apidiff.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	return s.action.do(ctx, t, vars)
}
