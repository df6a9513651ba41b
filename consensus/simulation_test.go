package consensus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/underlay/underlay/consensus/pinset"
)

const (
	simClients = 5
	simCalls   = 30 // of each client
	// simRecovery is how long a cluster may take to be sound again once its
	// hosts and its network are.
	simRecovery = time.Minute
)

// seeds returns which schedules a test runs: usual, or so many in short runs, or under UNDERLAY_FAULT fresh ones, or the one that
// UNDERLAY_SEED names.
func seeds(t *testing.T, usual, short, fault uint64) (first, count uint64) {
	t.Helper()
	switch {
	case os.Getenv("UNDERLAY_SEED") != "":
		first, err := strconv.ParseUint(os.Getenv("UNDERLAY_SEED"), 10, 64)
		if err != nil {
			t.Fatalf("UNDERLAY_SEED: %v", err)
		}
		return first, 1
	case os.Getenv("UNDERLAY_FAULT") != "":
		return uint64(time.Now().Unix()) * 10000, fault
	case testing.Short():
		return 1, short
	}
	return 1, usual
}

// eachSeed runs the schedules of seeds beside each other, and tells of one that fails how to run it again.
func eachSeed(t *testing.T, first, count uint64, simulate func(t *testing.T, seed uint64) error) {
	t.Helper()
	test, _, _ := strings.Cut(t.Name(), "/")
	for seed := first; seed < first+count; seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			if err := simulate(t, seed); err != nil {
				t.Errorf("%v\nrun again: UNDERLAY_SEED=%d go test -run '^%s$' -count 100 -failfast ./consensus", err, seed, test)
			}
		})
	}
}

// mustCatch fails unless a simulation that is broken on purpose fails soon.
func mustCatch(t *testing.T, simulate func(seed uint64) error) {
	t.Helper()
	for seed := range uint64(60) {
		if err := simulate(seed); err != nil {
			t.Logf("caught by seed %d: %.300s", seed, err)
			return
		}
	}
	t.Error("not caught")
}

// TestSimulation runs peers on a simulated network and simulated disks, in
// virtual time, through schedules of faults that follow from a seed each, while
// clients call them. UNDERLAY_SEED=n runs the schedule of one seed again (with
// -count, many times: the order of what happens at the same virtual moment is
// the Go scheduler's), UNDERLAY_FAULT=1 runs more of them.
func TestSimulation(t *testing.T) {
	first, count := seeds(t, 1000, 50, 10000)
	var mu sync.Mutex
	var total simStats
	began := time.Now()
	t.Run("seeds", func(t *testing.T) {
		eachSeed(t, first, count, func(t *testing.T, seed uint64) error {
			stats, err := simulate(t, seed, simSabotage{})
			mu.Lock()
			defer mu.Unlock()
			total.add(stats)
			return err
		})
	})
	took := time.Since(began)
	t.Logf("%d schedules from seed %d in %v, %.1f/s: %+v", count, first, took.Round(time.Millisecond), float64(count)/took.Seconds(), total)
	for what, n := range map[string]int{
		"unknown outcomes": total.Unknown, "refusals": total.Refused, "conflicts": total.Conflicts,
		"crashes": total.Crashes, "restarts": total.Restarts, "snapshots restored": total.Restores,
		"handovers": total.Handovers, "partitions": total.PartitionFaults, "losses": total.LossFaults, "slow parts": total.SlowFaults,
	} {
		if n == 0 && count > 1 {
			t.Errorf("no %s: the schedules are too tame", what)
		}
	}
}

// The checks must notice what they are for.
func TestSimulationNotices(t *testing.T) {
	for name, broke := range map[string]simSabotage{
		"reads without barrier":    {staleReads: true},
		"retries that are not one": {freshRetry: true},
		"disks that lie":           {lyingDisks: true},
		"a state of its own":       {extraEntry: true},
		"lost changes":             {lostChanges: true},
	} {
		t.Run(name, func(t *testing.T) {
			const seeds = 60
			for seed := range uint64(seeds) {
				if _, err := simulate(t, seed, broke); err != nil {
					t.Logf("caught by seed %d: %.300s", seed, err)
					return
				}
			}
			t.Errorf("not caught by %d seeds", seeds)
		})
	}
}

// simulate runs the schedule of one seed and checks what came of it.
func simulate(t *testing.T, seed uint64, broke simSabotage) (simStats, error) {
	var w *world
	var err error
	faults := fmt.Errorf("schedule: %v", schedule(seed, simPeers(seed), simLength(seed)))
	synctest.Test(t, func(*testing.T) {
		began := time.Now()
		if w, err = newWorld(seed, simPeers(seed), broke, nil); err != nil {
			return
		}
		w.run(simLength(seed))
		w.finish()
		w.stats.Virtual = time.Since(began)
	})
	if err != nil {
		return simStats{}, err
	}
	w.stats.Terms = len(w.leaders)
	if err := errors.Join(errors.Join(w.faults...), w.hist.check()); err != nil {
		return w.stats, fmt.Errorf("seed %d: %w\n%w", seed, err, faults)
	}
	return w.stats, nil
}

// simPeers returns the size of a seed's cluster.
func simPeers(seed uint64) int {
	if seed%5 == 4 {
		return 5
	}
	return 3
}

// simLength returns how long the faults of a seed go on.
func simLength(seed uint64) time.Duration { return time.Duration(3+seed%5) * time.Second }

// run lets clients and faults at the cluster, for so long, until both are done.
func (w *world) run(length time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	var monitor sync.WaitGroup
	watching, stopWatching := context.WithCancel(context.Background())
	monitor.Go(func() { w.monitor(watching) })
	var faults, clients sync.WaitGroup
	for _, f := range schedule(w.seed, len(w.peers), length) {
		faults.Go(func() { w.inflict(f) })
	}
	for n := range simClients {
		c := &simClient{w: w, n: n, rng: rand.New(rand.NewPCG(w.seed, 1000+uint64(n)))}
		clients.Go(func() { c.run(ctx, simCalls) })
	}
	faults.Wait()
	clients.Wait()
	stopWatching()
	monitor.Wait()
}

// finish heals everything, checks the cluster and ends it.
func (w *world) finish() {
	w.calmNetwork()
	for _, p := range w.peers {
		p.slowDisk(0)
		w.startAgain(p)
	}
	if len(w.faults) == 0 {
		w.checkRecovery()
	}
	if len(w.faults) == 0 {
		w.checkEqual()
	}
	for _, p := range w.peers {
		p.stop(false)
	}
	w.background.Wait()
	w.net.Close()
}

// checkRecovery sees that every peer reads and writes again.
func (w *world) checkRecovery() {
	began := time.Now()
	var all sync.WaitGroup
	for i, p := range w.peers {
		c := &simClient{w: w, n: simClients + i, rng: rand.New(rand.NewPCG(w.seed, 2000+uint64(i)))}
		all.Go(func() {
			l := p.up()
			for ok := false; !ok; {
				if time.Since(began) > simRecovery {
					w.fault("peer %s has not recovered: %+v", p.id, l.Status())
					return
				}
				acked := w.acked()
				c.change(l, 5*time.Second, simInput{group: i % simGroups, slot: -1, subs: []simSub{c.pin(0)}})
				ok = w.acked() > acked && c.scan(l, 5*time.Second)
			}
			for g := range simGroups {
				for slot := range simSlots {
					if !c.get(l, 5*time.Second, g, slot) {
						w.fault("peer %s does not read after it has recovered", p.id)
					}
				}
			}
		})
	}
	all.Wait()
	w.count(func(s *simStats) { s.Recovery = time.Since(began) })
}

func (w *world) acked() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stats.Acked
}

// checkEqual compares what the peers hold, byte for byte.
func (w *world) checkEqual() {
	ctx, cancel := context.WithTimeout(context.Background(), simRecovery)
	defer cancel()
	var last uint64
	for _, p := range w.peers {
		last = max(last, p.up().Applied())
	}
	if w.broke.extraEntry {
		w.applyExtra()
	}
	first := ""
	for i, p := range w.peers {
		l := p.up()
		if err := l.WaitApplied(ctx, last); err != nil {
			w.fault("peer %s: wait for entry %d: %w", p.id, last, err)
			return
		}
		synctest.Wait() // its consumer of changes has rested
		if err := l.checkMirror(); err != nil {
			w.fault("peer %s: %w", p.id, err)
		}
		state, err := stateBytes(l.Consensus)
		if err != nil {
			w.fault("peer %s: %w", p.id, err)
		}
		if i == 0 {
			first = state
		} else if state != first {
			w.fault("peers %s and %s hold different states", w.peers[0].id, p.id)
		}
	}
	w.checkLogs()
}

// applyExtra makes one peer's state differ from what the log says.
func (w *world) applyExtra() {
	l := w.peers[0].up()
	body, err := pinset.EncodeCall(false, PinOp(plainPin(0)))
	if err != nil {
		w.fault("encode: %w", err)
	}
	l.machine.Apply(extraEntry(l.Applied()+1, pinset.EncodeEntry(pinset.ClientID{}, 1, body)))
}

// checkLogs compares the committed entries that peers still have.
func (w *world) checkLogs() {
	type content struct {
		term uint64
		data string
	}
	seen := make(map[uint64]content)
	for _, p := range w.peers {
		committed := p.up().raft.CommitIndex()
		for _, e := range p.disk.Entries() {
			if e.Index > committed {
				break
			}
			now := content{e.Term, string(e.Data)}
			if before, ok := seen[e.Index]; ok && before != now {
				w.fault("peer %s: entry %d differs from another peer's", p.id, e.Index)
			}
			seen[e.Index] = now
		}
	}
}
