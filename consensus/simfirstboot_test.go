package consensus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// simFoundPause is how long a peer of a first boot waits at most before it founds
// the cluster.
const simFoundPause = time.Second

// TestSimulatedFirstBoot lets all peers found the cluster, each at a moment of its
// own and again after a crash, under schedules of faults, while clients call them.
// The first that founds it dies when the others have heard of its term, and perhaps
// of nothing else, in half of the schedules for good. UNDERLAY_SEED and UNDERLAY_FAULT are as in
// TestSimulation.
func TestSimulatedFirstBoot(t *testing.T) {
	first, count := seeds(t, 300, 50, 3000)
	eachSeed(t, first, count, func(t *testing.T, seed uint64) error { return simulateFirstBoot(t, seed, false) })
}

// The checks must notice peers that do not agree on the first members.
func TestSimulatedFirstBootNotices(t *testing.T) {
	mustCatch(t, func(seed uint64) error { return simulateFirstBoot(t, seed, true) })
}

// simulateFirstBoot boots the peers of a seed for the first time. With discord each
// takes itself for the only first member.
func simulateFirstBoot(t *testing.T, seed uint64, discord bool) (err error) {
	var w *world
	synctest.Test(t, func(t *testing.T) {
		if w, err = newPeers(seed, simPeers(seed), simSabotage{}, nil); err != nil {
			return
		}
		ctx, cancel := context.WithCancel(t.Context())
		var founding sync.WaitGroup
		for i, p := range w.peers {
			members := w.ids()
			if discord {
				members = members[i : i+1]
			}
			rng := rand.New(rand.NewPCG(seed, 3000+uint64(i)))
			founding.Go(func() { p.found(ctx, rng, members, !discord && i > 0 && rng.IntN(2) == 0) })
		}
		founding.Go(func() { w.loseFounder(ctx, rand.New(rand.NewPCG(seed, 4)), seed%2 == 0) })
		w.run(simLength(seed))
		w.calmNetwork()
		for _, p := range w.peers {
			p.slowDisk(0)
			w.startAgain(p)
		}
		w.awaitLeader()
		cancel()
		founding.Wait()
		w.bury()
		w.finish()
	})
	if err != nil {
		return err
	}
	if err := errors.Join(errors.Join(w.faults...), w.hist.check()); err != nil {
		return fmt.Errorf("seed %d: %w\nschedule: %v", seed, err, schedule(seed, simPeers(seed), simLength(seed)))
	}
	return nil
}

// found lets the peer found the cluster whenever it runs and has no state, until ctx
// ends, as package peer does. One that is late does so at the very moment at which
// it hears of others.
func (p *simPeer) found(ctx context.Context, rng *rand.Rand, members []peer.ID, late bool) {
	pause := simFoundPause
	if late {
		pause = 2 * time.Millisecond
	}
	for ctx.Err() == nil {
		time.Sleep(time.Duration(rng.Int64N(int64(pause))))
		l := p.up()
		if l == nil || l.HasState() || late && l.raft.CurrentTerm() == 0 {
			continue
		}
		if err := l.Bootstrap(members); err != nil && !errors.Is(err, ErrHasState) && !errors.Is(err, ErrClosed) && !l.crashed.Load() {
			p.w.fault("peer %s: %w", p.id, err)
		}
	}
}

// loseFounder ends the first peer that has founded the cluster, at about the moment
// at which another one has heard of its term and got no entry yet.
func (w *world) loseFounder(ctx context.Context, rng *rand.Rand, forGood bool) {
	founder := w.awaitPeer(ctx, func(l *life) bool { return l.HasState() })
	if founder == nil || w.awaitPeer(ctx, func(l *life) bool { return l.id != founder.id && l.raft.CurrentTerm() > 0 }) == nil {
		return
	}
	time.Sleep(time.Duration(rng.Int64N(int64(5 * time.Millisecond))))
	if forGood {
		w.kill(founder, rng)
		return
	}
	founder.crash(rng)
	time.Sleep(time.Duration(rng.Int64N(int64(5 * time.Second))))
	w.startAgain(founder)
}

// awaitPeer waits for a peer of which f is true, and returns nil when ctx ends before.
func (w *world) awaitPeer(ctx context.Context, f func(*life) bool) *simPeer {
	for ctx.Err() == nil {
		for _, p := range w.peers {
			if l := p.up(); l != nil && f(l) {
				return p
			}
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

// awaitLeader waits until a peer leads.
func (w *world) awaitLeader() {
	for began := time.Now(); w.leader() == nil; time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > simRecovery {
			w.fault("nobody leads")
			return
		}
	}
}
