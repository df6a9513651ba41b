package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/underlay/underlay/config"
	"github.com/underlay/underlay/gateway"
	"github.com/underlay/underlay/peer"
)

// settings are those that a running peer has, and how it gets others. What only asks for a value when it needs it asks here;
// the parts that were made of settings are told.
type settings struct {
	now    atomic.Pointer[config.Config]
	read   func() (config.Config, error)
	parts  []part
	logger *slog.Logger
}

// part of a running peer takes settings that can change.
type part struct {
	name string
	// prepare reads and checks what the settings name and returns what puts them into force. Until then nothing has changed.
	prepare func(was, now config.Config) (use func(), err error)
}

func newSettings(conf config.Config, read func() (config.Config, error), logger *slog.Logger) *settings {
	s := &settings{read: read, logger: logger}
	s.now.Store(&conf)
	return s
}

// drainDelay is how long the listeners go on when the peer begins to stop.
func (s *settings) drainDelay() time.Duration { return s.now.Load().DrainDelay }

// Serve reads the settings again whenever a signal comes, until ctx ends.
func (s *settings) Serve(ctx context.Context, signals <-chan os.Signal) error {
	for {
		select {
		case <-signals:
			s.reload()
		case <-ctx.Done():
			return nil
		}
	}
}

// reload puts what has changed into force: all of it, or with any fault nothing.
func (s *settings) reload() {
	next, err := s.read()
	if err != nil {
		s.refuse(err)
		return
	}
	was := *s.now.Load()
	now, changed, waiting := was.Reload(next)
	err = now.Validate() // what changes must go with what cannot
	uses := []func(){func() { s.now.Store(&now) }}
	for _, p := range s.parts {
		use, failure := p.prepare(was, now)
		if failure != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", p.name, failure))
		}
		uses = append(uses, use)
	}
	if err != nil {
		s.refuse(err)
		return
	}
	for _, use := range uses {
		use()
	}
	s.logger.Info("the settings and the files that they name were read again", "changed", namesOf(changed))
	if len(waiting) > 0 {
		s.logger.Warn("settings have changed that take effect when the peer is started again", "settings", namesOf(waiting))
	}
}

// refuse logs every fault on a line of its own.
func (s *settings) refuse(err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			s.refuse(err)
		}
		return
	}
	s.logger.Error("the settings were read again and are wrong; nothing has changed", "error", err)
}

func namesOf(list []config.Setting) []string {
	names := make([]string, len(list))
	for i, s := range list {
		names[i] = s.Path
	}
	return names
}

// levelPart changes what is logged.
func levelPart(level *slog.LevelVar) part {
	return part{"log", func(_, now config.Config) (func(), error) {
		return func() { level.Set(levelOf(now.Log)) }, nil
	}}
}

// tuningPart changes how the peer treats pins.
func tuningPart(p *peer.Peer) part {
	return part{"cluster", func(_, now config.Config) (func(), error) {
		return func() { p.Tune(tuning(now)) }, nil
	}}
}

// gatewayPart changes what the gateway serves to whom. It begins with nothing in memory then, so it stays as it is unless its
// settings have changed or name files, which may have.
func gatewayPart(gw *gateway.Gateway, p *peer.Peer, denied *denials, logger *slog.Logger) part {
	return part{"gateway", func(was, now config.Config) (func(), error) {
		if reflect.DeepEqual(was.Gateway, now.Gateway) && now.Gateway.LandingPage == "" && now.Gateway.RobotsFile == "" {
			return func() {}, nil
		}
		return gw.Replace(gatewayOptions(now, p, denied, logger))
	}}
}

// denylistPart changes what the gateway denies, and fetches the lists.
func denylistPart(denied *denials, env environment, logger *slog.Logger) part {
	return part{"denylists", func(_, now config.Config) (func(), error) {
		return func() { denied.policy.Replace(policyOptions(now, env.lookup, logger)) }, nil
	}}
}
