package consensus

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/underlay/underlay/consensus/pinset"
)

const (
	// enqueueTimeout bounds how long raft may take to accept an entry.
	enqueueTimeout = time.Second
	// retryPause is the pause after an attempt that found no leader where one
	// was expected. A change of leader ends it early.
	retryPause = 25 * time.Millisecond
)

// proposal is what became of an entry.
type proposal struct {
	index  uint64 // of the entry in the log
	packed []byte // results of its operations
}

// propose sees an entry through: it asks whoever leads, again and again until
// ctx ends. The same entry may thus be in the log more than once; the machine
// applies it once.
func (c *Consensus) propose(ctx context.Context, entry []byte, of requests) (proposal, error) {
	sent := false // an earlier attempt may have succeeded
	giveUp := func(err error) (proposal, error) {
		if sent {
			return proposal{}, fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
		}
		return proposal{}, c.noLeader(err)
	}
	for {
		leader, changed, err := c.leaders.wait(ctx, c.closing)
		if err != nil {
			return giveUp(err)
		}
		var r proposeReply
		if leader == c.id {
			r = c.lead(c.id, entry, of.begin("replicate"))
		} else {
			r = c.forward.propose(ctx, leader, changed, entry, of)
		}
		switch r.Code {
		case codeOK:
			return proposal{index: r.Index, packed: r.Packed}, nil
		case codeForgotten:
			return proposal{}, ErrUnknownOutcome
		case codeInvalid:
			return proposal{}, fmt.Errorf("%w: refused by the leader %s", ErrInvalid, leader)
		case codeDiskFull:
			err := fmt.Errorf("%w on the leader %s", ErrDiskFull, leader)
			if sent {
				err = fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
			}
			return proposal{}, err
		case codeUnknown:
			sent = true
		}
		if err := c.pause(ctx, changed); err != nil {
			return giveUp(err)
		}
	}
}

// pause waits a little, or until the leader changes.
func (c *Consensus) pause(ctx context.Context, changed <-chan struct{}) error {
	t := time.NewTimer(retryPause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-changed:
	case <-c.closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// proposeHere appends an entry to the log if this peer leads, and waits until it
// is applied here or has lost its chance. raft answers within its lease even
// without a majority, so this needs no context.
func (c *Consensus) proposeHere(entry []byte) proposeReply {
	if !c.gate.enter() {
		return proposeReply{Code: codeClosed}
	}
	defer c.gate.leave()
	if c.disk.refuses(func() bool { return pinset.OnlyRemoves(entry) }) {
		return proposeReply{Code: codeDiskFull}
	}
	c.nudger.active.Add(1)
	f := c.raft.Apply(entry, enqueueTimeout)
	err := f.Error()
	if c.nudger.active.Add(-1) == 0 && err == nil {
		c.nudger.signal()
	}
	if err != nil {
		return proposeReply{Code: raftCode(err)}
	}
	r, ok := f.Response().(pinset.Reply)
	switch {
	case !ok || r.Err != nil:
		return proposeReply{Code: codeUnknown}
	case r.Forgotten:
		return proposeReply{Code: codeForgotten}
	default:
		return proposeReply{Code: codeOK, Index: r.Index, Packed: r.Packed}
	}
}

// raftCode tells failures that certainly left the log alone from the others.
func raftCode(err error) int {
	for _, certain := range []error{
		raft.ErrNotLeader, raft.ErrLeadershipTransferInProgress, raft.ErrEnqueueTimeout, raft.ErrRaftShutdown,
	} {
		if errors.Is(err, certain) {
			return codeNotLeader
		}
	}
	return codeUnknown
}

// nudger makes followers learn of a commit at once. raft tells them with its
// next append, which may take its whole CommitTimeout when the cluster is idle:
// an empty entry is such an append.
type nudger struct {
	active atomic.Int64 // proposals in progress, which carry the news themselves
	wake   chan struct{}
}

func newNudger() *nudger { return &nudger{wake: make(chan struct{}, 1)} }

func (n *nudger) signal() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// nudge runs until the consensus closes.
func (c *Consensus) nudge() {
	for {
		select {
		case <-c.nudger.wake:
		case <-c.closing:
			return
		}
		if c.nudger.active.Load() > 0 || !c.disk.hasRoom() || len(c.servers()) < 2 || !c.gate.enter() {
			continue
		}
		// A failure means that this peer leads no more: nothing to tell then.
		_ = c.raft.Apply(nil, enqueueTimeout).Error()
		c.gate.leave()
	}
}
