package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/underlay/underlay/config"
)

// logged is a log that may be read while others write.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// reloading is a set of live settings with a part that notes what it is told.
type reloading struct {
	*settings
	log    logged
	next   config.Config
	fault  error // of reading
	refuse error // of the part
	told   []time.Duration
	level  slog.LevelVar
}

func newReloading(t *testing.T) *reloading {
	t.Helper()
	r := &reloading{next: threeConfigs(t)[0]}
	r.settings = newSettings(r.next, func() (config.Config, error) { return r.next, r.fault }, slog.New(slog.NewTextHandler(&r.log, nil)))
	r.parts = []part{levelPart(&r.level), {"noting", func(_, now config.Config) (func(), error) {
		return func() { r.told = append(r.told, now.DrainDelay) }, r.refuse
	}}}
	return r
}

// What can change changes at once and for every part; what cannot is named, as often as it is asked for.
func TestReload(t *testing.T) {
	r := newReloading(t)
	r.next.DrainDelay, r.next.Log.Level, r.next.DataDir = time.Minute, "warn", "/other"
	r.reload()
	if r.drainDelay() != time.Minute || r.level.Level() != slog.LevelWarn || !slices.Equal(r.told, []time.Duration{time.Minute}) {
		t.Errorf("the delay is %s, the level %s, the part was told %v", r.drainDelay(), r.level.Level(), r.told)
	}
	if r.now.Load().DataDir == "/other" {
		t.Error("a setting that cannot change has changed")
	}
	r.reload()
	for text, want := range map[string]int{`changed="[drain_delay log.level]"`: 1, "changed=[]": 1, "settings=[data_dir]": 2} {
		if got := strings.Count(r.log.String(), text); got != want {
			t.Errorf("%s is logged %d times, want %d:\n%s", text, got, want, &r.log)
		}
	}
}

// With any fault nothing changes, and every fault is logged.
func TestReloadWithFaults(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(*reloading)
		faults []string
	}{
		"reading":           {func(r *reloading) { r.fault = errors.Join(errors.New("one"), errors.New("two")) }, []string{"error=one", "error=two"}},
		"a part":            {func(r *reloading) { r.refuse = errors.New("no such file") }, []string{`error="noting: no such file"`}},
		"what goes with it": {func(r *reloading) { r.next.API.TLSClientCA = "ca" }, []string{"api.tls_client_ca: needs api.tls_cert"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReloading(t)
			r.next.DrainDelay = time.Minute
			c.spoil(r)
			r.reload()
			if r.drainDelay() != 0 || len(r.told) > 0 {
				t.Errorf("the delay is %s, the part was told %v", r.drainDelay(), r.told)
			}
			for _, fault := range c.faults {
				if !strings.Contains(r.log.String(), fault) {
					t.Errorf("%s is not in\n%s", fault, &r.log)
				}
			}
			if lines := strings.Count(r.log.String(), "\n"); lines != len(c.faults) {
				t.Errorf("%d lines for %d faults:\n%s", lines, len(c.faults), &r.log)
			}
		})
	}
}

func TestReloadOnSignals(t *testing.T) {
	r := newReloading(t)
	signals := make(chan os.Signal)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx, signals) }()
	signals <- syscall.SIGHUP
	signals <- syscall.SIGHUP // taken when the first is done
	cancel()
	if err := <-ended; err != nil || len(r.told) == 0 {
		t.Errorf("told %v, %v", r.told, err)
	}
}
