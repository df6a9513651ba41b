package settings

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/state"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/pause"
)

// Cluster holds what all peers share.
type Cluster interface {
	Ready(ctx context.Context) <-chan struct{}
	Value(ctx context.Context, key string) (consensus.Value, error)
	Values(ctx context.Context, prefix string) ([]consensus.Value, error)
	NextValues(ctx context.Context, space string, seen uint64) (uint64, error)
	CommitAtomic(ctx context.Context, ops ...consensus.Op) (consensus.Commit, error)
}

// Options configure the settings of a peer.
type Options struct {
	Local   *Local
	Cluster Cluster
	Write   func(tree map[string]any) error // puts a configuration into the node's repository
	Scratch string                          // a directory that may be made and removed
}

// Settings is the owner of a peer's configuration of its node. Any goroutine may use it.
type Settings struct {
	o     Options
	local *Local
	turn  chan struct{} // holds a token while somebody uses local
	// revision of the change up to which all are in force
	revision atomic.Uint64
}

// New makes the settings of a peer whose node runs with what Local.Arrange has made.
func New(o Options) *Settings {
	s := &Settings{o: o, local: o.Local, turn: make(chan struct{}, 1)}
	s.revision.Store(o.Local.over.revision)
	return s
}

func (s *Settings) lock(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Settings) unlock() { <-s.turn }

// Sync returns when every change that was acknowledged before the call is in the configuration of this peer's node. With a
// stale context it returns at once.
func (s *Settings) Sync(ctx context.Context) error {
	if consensus.IsStale(ctx) {
		return nil
	}
	latest, err := s.o.Cluster.Value(ctx, versionKey)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return fmt.Errorf("read settings: %w", err)
	}
	if latest.Revision == s.revision.Load() {
		return nil
	}
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	return s.refresh(ctx)
}

// refresh puts what the cluster holds into force. The caller holds the lock.
func (s *Settings) refresh(ctx context.Context) error {
	values, err := s.o.Cluster.Values(ctx, space)
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	over := s.local.read(values)
	if over.revision == s.local.over.revision {
		return nil
	}
	tree, err := s.local.layers.effective(over)
	if err != nil {
		s.local.o.Logger.Error("settings made through the API are not in force: they do not go with this peer's configuration", "error", err)
		tree = s.local.tree
	}
	if err := s.local.save(values); err != nil {
		return fmt.Errorf("put settings into force: %w", err)
	}
	if err := s.o.Write(tree); err != nil {
		return fmt.Errorf("put settings into force: %w", err)
	}
	s.local.over, s.local.tree = over, tree
	s.revision.Store(over.revision)
	return nil
}

// followPause is how long Serve waits after a failure.
const followPause = time.Second

// Serve puts what other peers change into force until ctx ends.
func (s *Settings) Serve(ctx context.Context) error {
	select {
	case <-s.o.Cluster.Ready(ctx):
	case <-ctx.Done():
		return nil
	}
	var seen uint64
	for {
		next, err := s.o.Cluster.NextValues(ctx, "setting", seen)
		if err == nil {
			err = s.Sync(ctx)
		}
		switch {
		case ctx.Err() != nil || errors.Is(err, consensus.ErrClosed):
			return nil
		case err == nil:
			seen = next
		default:
			s.local.o.Logger.Warn("could not follow the cluster's settings; will try again", "error", err)
			if !pause.For(ctx, followPause) {
				return nil
			}
		}
	}
}

const (
	// attempts bounds how often a change is made anew because others came before it.
	attempts = 64
	// attemptPause is the longest pause before the next attempt.
	attemptPause = 20 * time.Millisecond
)

// errBusy reports that others were always faster.
var errBusy = fmt.Errorf("%w: the settings keep changing", consensus.ErrOverloaded)

// Change makes the change of the whole cluster that run makes of an IPFS repository: it has the configuration of this peer's
// node, and run may call for it whatever commands of kubo change it. If run fails, that is the error and nothing is
// changed. It may be called several times: what counts is the last call. changed tells whether there was anything to do.
// An error with a method HTTPStatus says that the change is refused, the others are those of consensus.CommitAtomic.
func (s *Settings) Change(ctx context.Context, run func(repo string) (done bool)) (changed bool, err error) {
	if err := s.lock(ctx); err != nil {
		return false, err
	}
	defer s.unlock()
	for range attempts {
		changed, err := s.attempt(ctx, run)
		if !errors.Is(err, consensus.ErrConflict) {
			return changed, err
		}
		if !pause.For(ctx, rand.N(attemptPause)) {
			return false, ctx.Err()
		}
	}
	return false, errBusy
}

func (s *Settings) attempt(ctx context.Context, run func(repo string) bool) (changed bool, err error) {
	if err := s.refresh(ctx); err != nil {
		return false, err
	}
	before, done := s.local.tree, false
	after, err := try(s.o.Scratch, before, func(repo string) { done = run(repo) })
	if err != nil || !done {
		return false, err
	}
	changes := Diff(before, after)
	if len(changes) == 0 {
		return false, nil
	}
	over := s.local.over
	next, err := s.local.layers.effective(over.with(changes))
	if err != nil {
		return false, refusal{fmt.Errorf("no node could start with this: %w", err)}
	}
	if err := s.local.layers.refuse(changes, after, next); err != nil {
		return false, err
	}
	if err := s.commit(ctx, over, changes); err != nil {
		return false, err
	}
	if err := s.refresh(consensus.WithStale(ctx)); err != nil { // this peer has applied the change
		return true, fmt.Errorf("committed, but not yet in force on this peer: %w", err)
	}
	return true, nil
}

func (s *Settings) commit(ctx context.Context, over overlay, changes []Change) error {
	ops, err := over.ops(changes, s.local.o.Sealer)
	if err != nil {
		return err
	}
	done, err := s.o.Cluster.CommitAtomic(ctx, ops...)
	if err != nil {
		return fmt.Errorf("commit settings: %w", err)
	}
	for _, err := range done.Errs {
		if err != nil && !errors.Is(err, consensus.ErrNotApplied) {
			return fmt.Errorf("commit settings: %w", err)
		}
	}
	return nil
}
