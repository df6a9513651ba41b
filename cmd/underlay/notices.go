package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/underlay/underlay/config"
	"github.com/underlay/underlay/internal/aws"
	"github.com/underlay/underlay/internal/complaint"
	"github.com/underlay/underlay/internal/pause"
)

// noticeInterval is how often EC2 is asked what it will do with the machine, as EC2 recommends.
const noticeInterval = 5 * time.Second

// machine is what runs this peer. It knows its own end.
type machine interface {
	Notices(ctx context.Context) ([]aws.Notice, error)
	CompleteTermination(ctx context.Context) error
}

// watch follows what the cloud says about the end of the machine. When it is near, the peer stops as when it is told by a signal;
// and the auto scaling group that waits for that is told when the peer has stopped, so that the machine goes at once.
type watch struct {
	machine  machine
	interval time.Duration
	logger   *slog.Logger
	seen     map[aws.Kind]bool
}

// openWatch makes the watch that the settings want; nil: none.
func openWatch(ctx context.Context, conf config.Config, logger *slog.Logger) (*watch, error) {
	if conf.Cloud != "ec2" {
		return nil, nil
	}
	cloud, err := aws.Open(ctx)
	if err != nil {
		return nil, err
	}
	return newWatch(cloud, noticeInterval, logger), nil
}

func newWatch(m machine, interval time.Duration, logger *slog.Logger) *watch {
	return &watch{machine: m, interval: interval, logger: logger, seen: make(map[aws.Kind]bool)}
}

// Serve asks until ctx ends, also while the peer stops. stop begins the stop, and may be called more than once. yield hands over
// leadership.
func (w *watch) Serve(ctx context.Context, stop func(), yield func(context.Context) error) error {
	deaf := complaint.Complaint{
		Logger: w.logger, Fails: "EC2 does not say whether it will end this machine; will ask again", Works: "EC2 says again whether it will end this machine",
	}
	for {
		notices, err := w.machine.Notices(ctx)
		if ctx.Err() != nil {
			return nil
		}
		deaf.Note(err)
		for _, n := range notices {
			if !w.seen[n.Kind] {
				w.seen[n.Kind] = true
				w.heed(ctx, n, stop, yield)
			}
		}
		if !pause.For(ctx, w.interval) {
			return nil
		}
	}
}

// heed does what a notice asks for. A machine for which there is only a recommendation may live on for days, and so may those of
// the other peers, which often get one at the same time: if all of them stopped, nobody would start them again.
func (w *watch) heed(ctx context.Context, n aws.Notice, stop func(), yield func(context.Context) error) {
	logger := w.logger.With("cause", n.Kind)
	if !n.At.IsZero() {
		logger = logger.With("at", n.At)
	}
	if n.Kind != aws.Rebalance {
		logger.Warn("this machine is about to end; the peer stops")
		stop()
		return
	}
	logger.Warn("this machine may end soon; the peer hands over leadership and goes on")
	if err := yield(ctx); err != nil {
		logger.Warn("could not hand over leadership", "error", err)
	}
}

// Stopped is called when the peer has stopped and Serve has returned. It blocks until the group is told, at most for some
// seconds; a group that cannot be told ends the machine a little later.
func (w *watch) Stopped(ctx context.Context) {
	if !w.seen[aws.Termination] {
		return
	}
	if err := w.machine.CompleteTermination(context.WithoutCancel(ctx)); err != nil {
		w.logger.Warn("the auto scaling group does not know that this peer has stopped; it ends the machine when it has waited long enough", "error", err)
		return
	}
	w.logger.Info("the auto scaling group knows that this peer has stopped")
}
