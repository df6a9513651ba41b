package main

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// serveInStages runs everything until ctx ends or something fails. Then what clients reach is told to end; what is inside
// goes on until the last client is answered, who may need it.
func serveInStages(ctx context.Context, inside, clients []func(context.Context) error) error {
	until, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	all, ctx := errgroup.WithContext(ctx)
	for _, f := range inside {
		all.Go(func() error { return f(until) })
	}
	outside, ctx := errgroup.WithContext(ctx)
	for _, f := range clients {
		outside.Go(func() error { return f(ctx) })
	}
	all.Go(func() error {
		defer stop()
		return outside.Wait()
	})
	return all.Wait()
}
