package complaint_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/underlay/underlay/internal/complaint"
)

// What is tried every second and fails is logged once, again when the cause changes, and otherwise every minute.
func TestComplaintsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		c := complaint.Complaint{Logger: slog.New(slog.NewTextHandler(&log, nil)), Fails: "no luck", Works: "luck again"}
		for second := range 120 {
			var err error
			switch {
			case second < 90:
				err = fmt.Errorf("read udp 127.0.0.1:%d->127.0.0.1:53: timeout", 40000+second) // from another port each time
			case second < 100:
				err = errors.New("no route")
			}
			c.Note(err)
			<-time.After(time.Second)
		}
		for text, want := range map[string]int{"timeout": 2, "no route": 1, "level=WARN": 3, "luck again": 1, "\n": 4} {
			if got := strings.Count(log.String(), text); got != want {
				t.Errorf("%q is logged %d times, want %d:\n%s", text, got, want, &log)
			}
		}
	})
}
