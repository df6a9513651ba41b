package main

import (
	"context"
	"errors"
	"testing"
)

// What is inside ends after the last client, whether all was told to end or something has failed; the failure is returned.
func TestStages(t *testing.T) {
	failure := errors.New("it has failed")
	until := func(ctx context.Context) error { <-ctx.Done(); return nil }
	fails := func(context.Context) error { return failure }
	for name, c := range map[string]struct {
		inside, client func(context.Context) error
		end            bool
		want           error
	}{
		"told to end":    {until, until, true, nil},
		"a client fails": {until, fails, false, failure},
		"inside fails":   {fails, until, false, failure},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.end {
				cancel()
			}
			answered := make(chan struct{})
			inside := func(ctx context.Context) error {
				<-ctx.Done()
				select {
				case <-answered:
					return nil
				default:
					return errors.New("it ended before the last client was answered")
				}
			}
			last := func(ctx context.Context) error {
				defer close(answered)
				return until(ctx)
			}
			err := serveInStages(ctx, []func(context.Context) error{inside, c.inside}, []func(context.Context) error{c.client, last})
			if !errors.Is(err, c.want) || err == nil != (c.want == nil) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}
