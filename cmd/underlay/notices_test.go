package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/underlay/underlay/internal/aws"
)

// doomed is a machine that gets notices as time goes by.
type doomed struct {
	began     time.Time
	notices   map[time.Duration]aws.Kind // by when they come; they stay
	deaf      func(since time.Duration) bool
	completed int
	refuse    error
}

func (d *doomed) Notices(context.Context) (notices []aws.Notice, err error) {
	since := time.Since(d.began)
	if d.deaf != nil && d.deaf(since) {
		return nil, errors.New("no answer")
	}
	for at, kind := range d.notices {
		if since >= at {
			notices = append(notices, aws.Notice{Kind: kind})
		}
	}
	return notices, nil
}

func (d *doomed) CompleteTermination(context.Context) error {
	d.completed++
	return d.refuse
}

// Each notice has its effect once, however long it stands; the group is told once, after the stop, and only if it waits.
func TestWatch(t *testing.T) {
	for name, c := range map[string]struct {
		notices map[time.Duration]aws.Kind
		did     []string
		told    int
	}{
		"nothing":     {nil, nil, 0},
		"spot":        {map[time.Duration]aws.Kind{time.Minute: aws.SpotInterruption}, []string{"stop"}, 0},
		"group":       {map[time.Duration]aws.Kind{time.Minute: aws.Termination}, []string{"stop"}, 1},
		"recommended": {map[time.Duration]aws.Kind{time.Minute: aws.Rebalance}, []string{"yield"}, 0},
		"all": {map[time.Duration]aws.Kind{ // the group ends what EC2 wants back, while the peer stops
			time.Minute: aws.Rebalance, 2 * time.Minute: aws.SpotInterruption, 2*time.Minute + 20*time.Second: aws.Termination,
		}, []string{"yield", "stop", "stop"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log strings.Builder
				m := &doomed{began: time.Now(), notices: c.notices}
				w := newWatch(m, noticeInterval, slog.New(slog.NewTextHandler(&log, nil)))
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				var did []string
				yield := func(context.Context) error { did = append(did, "yield"); return nil }
				if err := w.Serve(ctx, func() { did = append(did, "stop") }, yield); err != nil {
					t.Fatal(err)
				}
				if m.completed != 0 {
					t.Error("the group was told before the peer has stopped")
				}
				w.Stopped(ctx)
				if !slices.Equal(did, c.did) || m.completed != c.told {
					t.Errorf("did %v, told the group %d times; want %v, %d", did, m.completed, c.did, c.told)
				}
				if logged := strings.Count(log.String(), "cause="); logged != len(c.notices) {
					t.Errorf("%d notices, logged are %d:\n%s", len(c.notices), logged, &log)
				}
			})
		})
	}
}

// A cloud that does not answer ends nothing, and is complained of once; so is a group that does not listen.
func TestWatchOfASilentCloud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		m := &doomed{
			began: time.Now(), notices: map[time.Duration]aws.Kind{0: aws.Termination}, refuse: errors.New("denied"),
			deaf: func(since time.Duration) bool { return since < 50*time.Second },
		}
		w := newWatch(m, noticeInterval, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var stopped time.Duration
		if err := w.Serve(ctx, func() { stopped = time.Since(m.began) }, nil); err != nil {
			t.Fatal(err)
		}
		w.Stopped(ctx)
		if stopped != 50*time.Second {
			t.Errorf("stopped after %s", stopped)
		}
		for text, want := range map[string]int{"no answer": 1, "says again": 1, "about to end": 1, "denied": 1} {
			if got := strings.Count(log.String(), text); got != want {
				t.Errorf("%q is logged %d times, want %d:\n%s", text, got, want, &log)
			}
		}
	})
}
