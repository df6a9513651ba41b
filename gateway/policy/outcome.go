package policy

import (
	"context"
	"sync/atomic"
)

// outcome is what [Uncacheable] hears of an answer from those who read for it.
type outcome struct {
	failed atomic.Bool // after a beginning
	lacked atomic.Bool // a block, whether or not that was an error in the end
}

type outcomeKey struct{}

// within adds the outcome to a request's context.
func (o *outcome) within(ctx context.Context) context.Context {
	return context.WithValue(ctx, outcomeKey{}, o)
}

// outcomeOf returns that of a request's context; without one, nobody is told.
func outcomeOf(ctx context.Context) *outcome {
	if o, ok := ctx.Value(outcomeKey{}).(*outcome); ok {
		return o
	}
	return new(outcome)
}

// failureOf returns what to call when an answer fails in the middle.
func failureOf(ctx context.Context) func() {
	o := outcomeOf(ctx)
	return func() { o.failed.Store(true) }
}

// lacks notes that a block could not be read, and returns the error.
func lacks(ctx context.Context, err error) error {
	outcomeOf(ctx).lacked.Store(true)
	return err
}
