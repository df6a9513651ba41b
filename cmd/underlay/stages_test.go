package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
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

// A context that outlives another one tells at once that this has ended, and ends when the delay has passed.
func TestOutlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		told := make(chan struct{})
		later, end := outlive(ctx, func() time.Duration { return 25 * time.Second }, func() { close(told) })
		defer end()
		began := time.Now()
		cancel()
		<-told
		if took := time.Since(began); took != 0 || later.Err() != nil {
			t.Errorf("told after %s, then %v", took, later.Err())
		}
		<-later.Done()
		if took := time.Since(began); took != 25*time.Second {
			t.Errorf("it ended after %s", took)
		}
	})
}

func TestOutliveCanBeCutShort(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	later, end := outlive(ctx, func() time.Duration { return time.Hour }, func() { t.Error("told, though nothing ended before") })
	end()
	if later.Err() == nil {
		t.Error("it has not ended")
	}
	cancel()
}

// What was begun early ends with the context of who waits for it, and its failure is theirs.
func TestBegin(t *testing.T) {
	failure := errors.New("it has failed")
	running := make(chan struct{})
	early, cancelEarly := context.WithCancel(t.Context())
	wait := begin(early, func(ctx context.Context) error {
		close(running)
		<-ctx.Done()
		return failure
	})
	<-running // before anybody waits
	cancelEarly()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- wait(ctx) }()
	select {
	case err := <-ended:
		t.Errorf("it ended with the context of its beginning: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	cancel()
	if err := <-ended; !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
}
