package peer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// asked are places whose answer changes with the time.
type asked struct {
	began  time.Time
	answer func(since time.Duration) error
}

func (a asked) Addrs(context.Context) ([]string, error) { return nil, a.answer(time.Since(a.began)) }

// A peer that asks every second and is never answered says so once, again when the cause changes, and otherwise every minute.
func TestComplaintsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		places := asked{time.Now(), func(since time.Duration) error {
			switch port := since.Milliseconds(); {
			case since < 90*time.Second:
				return fmt.Errorf("read udp 127.0.0.1:%d->127.0.0.1:53: timeout", port) // from another port each time
			case since < 100*time.Second:
				return errors.New("no route")
			}
			return nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		m := &mesh{places: places, settled: func() bool { return false }, logger: slog.New(slog.NewTextHandler(&log, nil))}
		if err := m.look(ctx); err != nil {
			t.Fatal(err)
		}
		for text, want := range map[string]int{"timeout": 2, "no route": 1, "level=WARN": 3, "found out where": 1, "\n": 4} {
			if got := strings.Count(log.String(), text); got != want {
				t.Errorf("%q is logged %d times, want %d:\n%s", text, got, want, &log)
			}
		}
	})
}
