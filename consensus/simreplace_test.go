package consensus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus/internal/sim"
)

var (
	errSimRuns  = errors.New("the machine runs")
	errSimCloud = errors.New("the cloud does not answer")
)

// simCloud knows what has become of machines. Records of peers are "SLOT MACHINE".
type simCloud struct {
	mu     sync.Mutex
	gone   map[string]bool
	silent bool
	lies   bool // it says of every machine that it is gone
	asked  int
}

func (c *simCloud) tune(o *Options) {
	o.Stabilization = 2 * time.Second
	o.Slot = func(r MemberRecord) string {
		slot, _, _ := strings.Cut(string(r.Record), " ")
		return slot
	}
	o.Gone = func(_ context.Context, r MemberRecord) error { return c.answer(r) }
}

func (c *simCloud) answer(r MemberRecord) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	_, machine, _ := strings.Cut(string(r.Record), " ")
	switch {
	case c.lies:
		return nil
	case c.silent:
		return errSimCloud
	case !c.gone[machine]:
		return fmt.Errorf("%s: %w", machine, errSimRuns)
	}
	return nil
}

func (c *simCloud) set(f func(*simCloud)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c)
}

func (c *simCloud) questions() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

func (c *simCloud) isGone(machine string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone[machine]
}

// replacement is a world in which a new peer comes into the slot of one that falls
// silent.
type replacement struct {
	*world
	cloud    *simCloud
	old, new *simPeer
}

// Machines of the old peer and of the new one.
const (
	oldMachine = "m-old"
	newMachine = "m-new"
)

// newReplacement makes a cluster of n, whose peers are each in a slot of their own,
// and one more peer, of the slot of the last of them, which is in no cluster yet.
func newReplacement(seed uint64, n int) (*replacement, error) {
	r := &replacement{cloud: &simCloud{gone: make(map[string]bool)}}
	var err error
	if r.world, err = newWorld(seed, n, simSabotage{}, r.cloud.tune); err != nil {
		return nil, err
	}
	disk, err := sim.NewDisk(simDir + "/" + stateDir)
	if err != nil {
		return nil, err
	}
	r.old = r.peers[n-1]
	r.new = &simPeer{w: r.world, id: testPeer(n), disk: disk, turn: make(chan struct{}, 1)}
	r.peers = append(r.peers, r.new)
	r.calmNetwork()
	var records []Op
	for i, p := range r.peers[:n] {
		records = append(records, SetMemberOp(p.id, fmt.Appendf(nil, "s%d m%d", i, i)))
	}
	records[n-1] = SetMemberOp(r.old.id, fmt.Appendf(nil, "s%d %s", n-1, oldMachine))
	return r, errors.Join(r.new.start(), r.commit(records...))
}

// commit commits operations through any peer of the cluster that runs.
func (r *replacement) commit(ops ...Op) error {
	ctx, cancel := context.WithTimeout(context.Background(), simRecovery)
	defer cancel()
	return r.try(ctx, func(l *life) error {
		_, err := l.Commit(ctx, ops...)
		return err
	})
}

// try calls one peer after the other, until one succeeds or ctx ends.
func (r *replacement) try(ctx context.Context, f func(*life) error) error {
	err := ctx.Err()
	for i := 0; ctx.Err() == nil; i++ {
		p := r.peers[i%len(r.peers)]
		if l := p.up(); l != nil && p != r.new {
			if err = f(l); err == nil {
				return nil
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// join makes the new peer a member without a vote, as package peer does: first
// its record, then the membership.
func (r *replacement) join(ctx context.Context) error {
	record := fmt.Appendf(nil, "s%d %s", len(r.peers)-2, newMachine)
	return r.try(ctx, func(l *life) error {
		if _, err := l.Commit(ctx, SetMemberOp(r.new.id, record)); err != nil {
			return err
		}
		return l.AddPeer(ctx, r.new.id)
	})
}

// observe starts to watch, and returns what ends that.
func (r *replacement) observe() (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { r.watch(ctx) })
	return func() {
		cancel()
		watching.Wait()
	}
}

// watch checks every configuration that a peer has until ctx ends: at most one
// voter in a slot, and the old member in all of them until its machine is gone.
func (r *replacement) watch(ctx context.Context) {
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for ctx.Err() == nil {
		for _, p := range r.peers {
			if l := p.up(); l != nil {
				r.checkConfiguration(l)
			}
		}
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
}

func (r *replacement) checkConfiguration(l *life) {
	servers := l.servers()
	if l.crashed.Load() || len(servers) == 0 {
		return
	}
	voters, old, both := 0, false, 0
	for _, s := range servers {
		if s.Suffrage == raft.Voter {
			voters++
		}
		isOld := string(s.ID) == r.old.id.String()
		old = old || isOld
		if s.Suffrage == raft.Voter && (isOld || string(s.ID) == r.new.id.String()) {
			both++
		}
	}
	switch {
	case both > 1:
		r.fault("peer %s: two voters of one slot in %v", l.id, servers)
	case !old && !r.cloud.isGone(oldMachine):
		r.fault("peer %s: a member whose machine is not gone is removed: %v", l.id, servers)
	case voters < len(r.peers)-2:
		r.fault("peer %s: %d voters are left in %v", l.id, voters, servers)
	}
}

// kill ends a peer for good, with its disk.
func (w *world) kill(p *simPeer, rng *rand.Rand) {
	p.mu.Lock()
	p.dead = true
	p.mu.Unlock()
	p.crash(rng)
}

// bury leaves the dead out of what is checked at the end.
func (w *world) bury() {
	w.peers = slices.DeleteFunc(w.peers, func(p *simPeer) bool { return p.dead })
}

// awaitVoters waits until exactly these peers have a vote and are members, as all
// who run see it.
func (r *replacement) awaitVoters(want ...*simPeer) error {
	var ids []peer.ID
	for _, p := range want {
		ids = append(ids, p.id)
	}
	began := time.Now()
	for {
		err := r.checkVoters(ids)
		if err == nil || time.Since(began) > simRecovery {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (r *replacement) checkVoters(want []peer.ID) error {
	for _, p := range r.peers {
		if l := p.up(); l != nil && !sameIDs(l.Voters(), want) {
			return fmt.Errorf("voters of %s are %v, want %v; waiting: %v", p.id, l.Voters(), want, l.Status().Waiting)
		}
	}
	return nil
}
