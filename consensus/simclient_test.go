package consensus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"

	"github.com/underlay/underlay/internal/request"
)

// simClient calls peers at random, one call at a time.
type simClient struct {
	w    *world
	n    int
	rng  *rand.Rand
	made int
	// What it last read of each CID, for conditions.
	seen [simGroups * simSlots]struct {
		name     string
		revision uint64
	}
}

// run calls until ctx ends, at most so often.
func (c *simClient) run(ctx context.Context, calls int) {
	for range calls {
		t := time.NewTimer(time.Duration(c.rng.IntN(250)) * time.Millisecond)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return
		}
		l := c.w.peers[c.rng.IntN(len(c.w.peers))].up()
		if l == nil {
			continue
		}
		limit := time.Duration(100+c.rng.IntN(3000)) * time.Millisecond
		group := c.rng.IntN(simGroups)
		switch c.rng.IntN(10) {
		case 0, 1, 2:
			c.get(l, limit, group, c.rng.IntN(simSlots))
		case 3:
			c.scan(l, limit)
		default:
			c.change(l, limit, c.call(group))
		}
	}
}

// call makes up a call on a group.
func (c *simClient) call(group int) simInput {
	in := simInput{group: group, atomic: c.rng.IntN(2) == 0, slot: -1}
	one := c.rng.IntN(simSlots)
	switch c.rng.IntN(6) {
	case 0, 1:
		in.subs = []simSub{c.pin(one)}
	case 2:
		in.subs = []simSub{c.conditional(group, c.pin(one))}
	case 3:
		in.subs = []simSub{{slot: one, unpin: true}}
	case 4:
		in.subs = []simSub{c.conditional(group, simSub{slot: one, unpin: true})}
	default: // an update: one pin takes the place of another
		in.subs = []simSub{{slot: 1 - one, unpin: true}, c.conditional(group, c.pin(one))}
	}
	return in
}

func (c *simClient) pin(slot int) simSub {
	c.made++
	return simSub{slot: slot, name: fmt.Sprintf("%d.%d", c.n, c.made)}
}

func (c *simClient) conditional(group int, s simSub) simSub {
	s.cond, s.ifName = true, c.seen[group*simSlots+s.slot].name
	return s
}

func (c *simClient) op(group int, s simSub) Op {
	n := group*simSlots + s.slot
	op := UnpinOp(testCid(n))
	if !s.unpin {
		p := plainPin(n)
		p.Name, p.Metadata = s.name, map[string]string{"name": s.name}
		op = PinOp(p)
	}
	if s.cond {
		op = op.IfRevision(c.seen[n].revision)
	}
	return op
}

// change commits a call and records it.
func (c *simClient) change(l *life, limit time.Duration, in simInput) {
	var ops []Op
	for _, s := range in.subs {
		ops = append(ops, c.op(in.group, s))
	}
	begin := c.w.hist.clock.Add(1)
	done, err := c.commit(l, limit, in.atomic, ops)
	if c.w.broke.freshRetry && errors.Is(err, ErrUnknownOutcome) {
		done, err = c.commit(l, limit, in.atomic, ops)
	}
	out := simOutput{unknown: l.crashed.Load() || errors.Is(err, ErrUnknownOutcome)}
	switch {
	case out.unknown:
		c.w.count(func(s *simStats) { s.Unknown++ })
		c.w.hist.add(c.n, begin, in, out)
	case err != nil:
		// The promise is that nothing was changed, so the call never was.
		c.w.count(func(s *simStats) { s.Refused++ })
		c.expect("commit", err)
	default:
		c.record(l, begin, in, done)
	}
}

func (c *simClient) commit(l *life, limit time.Duration, atomic bool, ops []Op) (Commit, error) {
	ctx, cancel := context.WithTimeout(request.WithID(context.Background(), fmt.Sprint("client-", c.n)), limit)
	defer cancel()
	if atomic {
		return l.CommitAtomic(ctx, ops...)
	}
	return l.Commit(ctx, ops...)
}

// record records an acknowledged call.
func (c *simClient) record(l *life, begin int64, in simInput, done Commit) {
	var out simOutput
	for i, err := range done.Errs {
		code, err := simCode(err)
		if err != nil {
			c.w.fault("commit: %w", err)
		}
		out.codes += string(code)
		if s := in.subs[i]; code == simOK && !s.unpin {
			c.w.hist.revision(s.name, done.Index)
		}
		if code == simConflict {
			c.w.count(func(s *simStats) { s.Conflicts++ })
		}
	}
	if len(done.Errs) != len(in.subs) {
		c.w.fault("commit of %d operations: %d results", len(in.subs), len(done.Errs))
	}
	if applied := l.Applied(); applied < done.Index {
		c.w.fault("commit returned for entry %d when %d was applied", done.Index, applied)
	}
	c.w.hist.add(c.n, begin, in, out)
	c.w.count(func(s *simStats) { s.Acked++ })
}

// expect reports an error that no promise allows.
func (c *simClient) expect(what string, err error) {
	for _, allowed := range []error{ErrNoLeader, ErrClosed, ErrOverloaded, context.DeadlineExceeded} {
		if errors.Is(err, allowed) {
			return
		}
	}
	c.w.fault("%s: %w", what, err)
}

// pins returns the pinset for a read, nil if that failed.
func (c *simClient) pins(l *life, limit time.Duration) Pins {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if c.w.broke.staleReads {
		ctx = WithStale(ctx)
	}
	pins, err := l.Pins(ctx)
	if err != nil {
		c.expect("read", err)
		return nil
	}
	return pins
}

// get reads one pin.
func (c *simClient) get(l *life, limit time.Duration, group, slot int) bool {
	n := group*simSlots + slot
	begin := c.w.hist.clock.Add(1)
	pins := c.pins(l, limit)
	if pins == nil {
		return false
	}
	p, revision, err := pins.GetRevision(context.Background(), testCid(n))
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		c.expect("read", err)
		return false
	}
	if l.crashed.Load() {
		return false
	}
	if err == nil {
		c.w.hist.revision(p.Name, revision)
	}
	c.seen[n].name, c.seen[n].revision = p.Name, revision
	var out simOutput
	out.names[slot] = p.Name
	c.w.hist.add(c.n, begin, simInput{group: group, slot: slot}, out)
	c.w.count(func(s *simStats) { s.Reads++ })
	return true
}

// scan reads all pins at one moment.
func (c *simClient) scan(l *life, limit time.Duration) bool {
	begin := c.w.hist.clock.Add(1)
	pins := c.pins(l, limit)
	if pins == nil {
		return false
	}
	names, err := pinNames(pins)
	if err != nil {
		c.expect("scan", err)
		return false
	}
	if l.crashed.Load() {
		return false
	}
	known := make(map[api.Cid]bool)
	for g := range simGroups {
		var out simOutput
		for slot := range simSlots {
			cid := testCid(g*simSlots + slot)
			out.names[slot], known[cid] = names[cid], true
		}
		c.w.hist.add(c.n, begin, simInput{group: g, slot: -1}, out)
	}
	for cid := range names {
		if !known[cid] {
			c.w.fault("scan: pin %s was never made", cid)
		}
	}
	c.w.count(func(s *simStats) { s.Reads++ })
	return true
}
