package consensus

import (
	"context"
	"fmt"
	"sync"

	"github.com/hashicorp/raft"
)

// rounds coalesces concurrent barriers: those that begin while a round runs
// share the next one. A round that already runs does not cover a new caller,
// whose read may have to see a write acknowledged after the round began.
type rounds struct {
	mu      sync.Mutex
	running bool
	next    *round
}

type round struct {
	done  chan struct{}
	index uint64
	err   error
}

// Barrier returns when this peer has applied every operation that any peer
// acknowledged before the call: a read of Local that follows is linearizable.
// Any goroutine of any peer may call it. It tries until ctx ends or
// CommitTimeout is over, then fails with ErrNoLeader, ErrClosed or ctx's error; a
// peer without a cluster fails at once with ErrNotMember.
// With WithStale it returns at once and fails with ErrClosed only.
func (c *Consensus) Barrier(ctx context.Context) error {
	if IsStale(ctx) {
		if c.isClosing() {
			return ErrClosed
		}
		return nil
	}
	if err := c.outside(); err != nil {
		return err
	}
	r, err := c.joinRound()
	if err != nil {
		return err
	}
	if err := c.awaitRound(ctx, r); err != nil {
		return err
	}
	return c.machine.WaitApplied(ctx, r.index)
}

// awaitRound waits until r has ended, but no longer than CommitTimeout: r may
// begin only when the round before it has waited that long for a leader.
func (c *Consensus) awaitRound(ctx context.Context, r *round) error {
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, c.opts.CommitTimeout)
	defer cancel()
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
	}
	switch {
	case c.isClosing():
		return ErrClosed
	case outer.Err() != nil:
		return outer.Err()
	}
	return c.noLeader(ctx.Err())
}

func (c *Consensus) joinRound() (*round, error) {
	c.rounds.mu.Lock()
	defer c.rounds.mu.Unlock()
	if c.rounds.next == nil {
		c.rounds.next = &round{done: make(chan struct{})}
	}
	r := c.rounds.next
	if !c.rounds.running {
		if !c.background.start(c.runRounds) {
			c.rounds.next = nil
			return nil, ErrClosed
		}
		c.rounds.running = true
	}
	return r, nil
}

// runRounds runs until nobody waits for another round.
func (c *Consensus) runRounds() {
	for {
		c.rounds.mu.Lock()
		r := c.rounds.next
		c.rounds.next = nil
		if r == nil {
			c.rounds.running = false
			c.rounds.mu.Unlock()
			return
		}
		c.rounds.mu.Unlock()
		ctx, cancel := context.WithTimeout(c.ctx, c.opts.CommitTimeout)
		r.index, r.err = c.readIndex(ctx)
		cancel()
		close(r.done)
	}
}

// readIndex asks the leader, whoever it is, until ctx ends.
func (c *Consensus) readIndex(ctx context.Context) (uint64, error) {
	for {
		leader, changed, err := c.leaders.wait(ctx, c.closing)
		if err != nil {
			return 0, c.noLeader(err)
		}
		var r indexReply
		if leader == c.id {
			r = c.readIndexHere()
		} else {
			out := new(indexReply)
			if _, err := c.forward.call(ctx, leader, changed, "ReadIndex", struct{}{}, out); err != nil {
				r.Code = codeUnknown
			} else {
				r = *out
			}
		}
		if r.Code == codeOK {
			return r.Index, nil
		}
		if err := c.pause(ctx, changed); err != nil {
			return 0, c.noLeader(err)
		}
	}
}

// noLeader names the reason why waiting for a leader ended.
func (c *Consensus) noLeader(err error) error {
	if c.isClosing() {
		return ErrClosed
	}
	return fmt.Errorf("%w: %w", ErrNoLeader, err)
}

// readIndexHere returns the machine's applied index, if it is certain to cover
// every acknowledged operation: an operation is acknowledged after its leader
// has applied it. Those of earlier leaders are covered once raft's barrier has
// passed in this term, and that no later leader acknowledged others is what
// asking a majority proves.
func (c *Consensus) readIndexHere() indexReply {
	if !c.gate.enter() {
		return indexReply{Code: codeClosed}
	}
	defer c.gate.leave()
	term := c.raft.CurrentTerm()
	if c.barrierTerm.Load() != term {
		if err := c.raft.Barrier(enqueueTimeout).Error(); err != nil {
			return indexReply{Code: codeNotLeader}
		}
		c.barrierTerm.Store(term)
	}
	index, since := c.machine.Applied(), c.guard.answers.begin()
	for {
		if err := c.raft.VerifyLeader().Error(); err != nil {
			return indexReply{Code: codeNotLeader}
		}
		// Had this peer lost and regained the lead meanwhile, others could have
		// been acknowledged in between.
		if c.raft.CurrentTerm() != term {
			return indexReply{Code: codeNotLeader}
		}
		if c.guard.answers.majority(c.servers(), raft.ServerID(c.id.String()), term, since) {
			return indexReply{Code: codeOK, Index: index}
		}
	}
}
