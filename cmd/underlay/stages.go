package main

import (
	"context"
	"time"

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

// outlive returns a context that ends after ctx, when the delay is over that holds then, or when the function that it returns is
// called. tell is called when ctx ends.
func outlive(ctx context.Context, delay func() time.Duration, tell func()) (context.Context, context.CancelFunc) {
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		tell()
		time.AfterFunc(delay(), cancel)
	})
	return later, func() {
		stop()
		cancel()
	}
}

// begin runs f from now on. The function that it returns waits until f has ended, and tells it to when its own context ends.
// If that is never called, something else must end f.
func begin(ctx context.Context, f func(context.Context) error) func(context.Context) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() {
		defer cancel()
		ended <- f(ctx)
	}()
	return func(ctx context.Context) error {
		defer context.AfterFunc(ctx, cancel)()
		return <-ended
	}
}
