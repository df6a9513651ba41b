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
)

// simReplaceLength is how long the faults around a replacement go on.
const simReplaceLength = 12 * time.Second

// TestSimulatedSuccession replaces a peer under schedules of faults, while clients
// call the others. UNDERLAY_SEED and UNDERLAY_FAULT are as in TestSimulation.
func TestSimulatedSuccession(t *testing.T) {
	first, count := seeds(t, 40, 20, 1000)
	eachSeed(t, first, count, func(t *testing.T, seed uint64) error { return simulateSuccession(t, seed, false) })
}

// The checks must notice a cloud that says of living machines that they are gone.
func TestSimulatedSuccessionNotices(t *testing.T) {
	mustCatch(t, func(seed uint64) error { return simulateSuccession(t, seed, true) })
}

// simulateSuccession replaces a peer under the faults of a seed. In one of three
// schedules the old peer only stays away for long, and must be a member at the
// end; in the others its machine is gone, which the cloud may be late to say.
func simulateSuccession(t *testing.T, seed uint64, lies bool) (err error) {
	var r *replacement
	n := 3 + int(seed%2)*2
	returns := seed%3 == 0
	synctest.Test(t, func(t *testing.T) {
		if r, err = newReplacement(seed, n); err != nil {
			return
		}
		r.cloud.set(func(c *simCloud) { c.lies = lies })
		end := r.observe()
		ctx, cancel := context.WithCancel(t.Context())
		var replacing sync.WaitGroup
		replacing.Go(func() { r.replaceUnderFaults(ctx, returns) })
		r.run(simReplaceLength)
		r.settle(returns)
		cancel()
		replacing.Wait()
		end()
		r.bury()
		r.finish()
	})
	if err != nil {
		return err
	}
	if err := errors.Join(errors.Join(r.faults...), r.hist.check()); err != nil {
		return fmt.Errorf("seed %d: %w\nschedule: %v", seed, err, schedule(seed, n+1, simReplaceLength))
	}
	return nil
}

// replaceUnderFaults ends the old peer at some moment, lets the new one ask to be
// let in until it is, and lets the cloud tell the truth at some moment.
func (r *replacement) replaceUnderFaults(ctx context.Context, returns bool) {
	rng := rand.New(rand.NewPCG(r.seed, 4))
	sleep := func() { time.Sleep(time.Duration(rng.Int64N(int64(simReplaceLength) / 3))) }
	r.cloud.set(func(c *simCloud) { c.silent = rng.IntN(2) == 0 })
	sleep()
	if returns {
		r.old.crash(rng)
	} else {
		r.kill(r.old, rng)
	}
	if err := r.join(ctx); err != nil && ctx.Err() == nil {
		r.fault("join: %w", err)
	}
	sleep()
	r.cloud.set(func(c *simCloud) { c.silent, c.gone[oldMachine] = false, !returns })
}

// settle heals the network and the other peers, and checks that the cluster comes to
// have the members that it should.
func (r *replacement) settle(returns bool) {
	r.calmNetwork()
	for _, p := range r.peers {
		p.slowDisk(0)
		r.startAgain(p)
	}
	want := append(r.peers[:len(r.peers)-2:len(r.peers)-2], r.new)
	if returns {
		want[len(want)-1] = r.old
	}
	if err := r.awaitVoters(want...); err != nil {
		r.fault("after the faults: %w", err)
	}
}
