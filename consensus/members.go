package consensus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"
	"github.com/libp2p/go-libp2p/core/peer"
)

type memberChange int

const (
	memberAdd memberChange = iota
	memberRemove
)

// servers returns raft's latest configuration, which may not be committed yet.
func (c *Consensus) servers() []raft.Server {
	// This future is answered from memory.
	f := c.raft.GetConfiguration()
	if f.Error() != nil {
		return nil
	}
	return f.Configuration().Servers
}

func (c *Consensus) isMember(id peer.ID) bool {
	want := raft.ServerID(id.String())
	return slices.ContainsFunc(c.servers(), func(s raft.Server) bool { return s.ID == want })
}

// Voters lists the members that have a vote, by raft's latest configuration.
func (c *Consensus) Voters() []peer.ID {
	var ids []peer.ID
	for _, s := range c.servers() {
		if id, err := peer.Decode(string(s.ID)); err == nil && s.Suffrage == raft.Voter {
			ids = append(ids, id)
		}
	}
	return ids
}

// Handover gives the leadership to another voter. It does nothing when this peer
// does not lead or is alone. It tries until ctx ends. Call it before Close, so
// that the cluster need not find out by a timeout.
func (c *Consensus) Handover(ctx context.Context) error {
	for {
		if c.raft.State() != raft.Leader || len(c.servers()) < 2 {
			return nil
		}
		err := c.transfer()
		if err == nil || errors.Is(err, raft.ErrNotLeader) {
			return nil
		}
		if pauseErr := c.pause(ctx, nil); pauseErr != nil {
			return fmt.Errorf("hand over leadership: %w: %w", pauseErr, err)
		}
	}
}

// transfer makes one attempt, bounded by raft's election timeout.
func (c *Consensus) transfer() error {
	if !c.gate.enter() {
		return ErrClosed
	}
	defer c.gate.leave()
	return c.raft.LeadershipTransfer().Error()
}

// changeMember asks the leader, whoever it is, until ctx ends. Both changes can
// be repeated safely.
func (c *Consensus) changeMember(ctx context.Context, change memberChange, id peer.ID) error {
	if err := c.outside(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.opts.CommitTimeout)
	defer cancel()
	for {
		leader, changed, err := c.leaders.wait(ctx, c.closing)
		if err != nil {
			return c.noLeader(err)
		}
		var r memberReply
		if leader == c.id {
			r = c.changeMemberHere(change, id.String())
		} else {
			out := new(memberReply)
			method := "AddPeer"
			if change == memberRemove {
				method = "RmPeer"
			}
			if _, err := c.forward.call(ctx, leader, changed, method, id.String(), out); err != nil {
				r = memberReply{Code: codeUnknown}
			} else {
				r = *out
			}
		}
		switch r.Code {
		case codeOK:
			return nil
		case codeInvalid:
			return fmt.Errorf("%w: %s", ErrInvalid, r.Message)
		}
		if err := c.pause(ctx, changed); err != nil {
			return c.noLeader(err)
		}
	}
}

// changeMemberHere changes the configuration if this peer leads. A new member
// does not vote until it has caught up: see superviseMembers.
func (c *Consensus) changeMemberHere(change memberChange, id string) memberReply {
	if !c.gate.enter() {
		return memberReply{Code: codeClosed}
	}
	defer c.gate.leave()
	if _, err := peer.Decode(id); err != nil {
		return memberReply{Code: codeInvalid, Message: fmt.Sprintf("peer ID %q: %v", id, err)}
	}
	servers := c.servers()
	i := slices.IndexFunc(servers, func(s raft.Server) bool { return string(s.ID) == id })
	var err error
	switch {
	case c.raft.State() != raft.Leader:
		return memberReply{Code: codeNotLeader}
	case change == memberAdd && i >= 0, change == memberRemove && i < 0:
		return c.confirmHere()
	case change == memberAdd:
		err = c.raft.AddNonvoter(raft.ServerID(id), raft.ServerAddress(id), 0, enqueueTimeout).Error()
	case len(servers) == 1:
		return memberReply{Code: codeInvalid, Message: "the only member cannot be removed"}
	case id == c.id.String():
		// The next leader removes this peer: the caller asks again.
		if err := c.raft.LeadershipTransfer().Error(); err != nil {
			c.log.Warn("handover before removal failed", "error", err)
		}
		return memberReply{Code: codeNotLeader}
	default:
		err = c.raft.RemoveServer(raft.ServerID(id), 0, enqueueTimeout).Error()
	}
	switch {
	case err == nil:
		return memberReply{Code: codeOK}
	case errors.Is(err, raft.ErrLeadershipLost), raftCode(err) == codeNotLeader:
		return memberReply{Code: codeUnknown}
	default:
		return memberReply{Code: codeInvalid, Message: err.Error()}
	}
}

// confirmHere says yes to a change that the latest configuration holds already,
// once that configuration is sure to be committed.
func (c *Consensus) confirmHere() memberReply {
	if err := c.raft.Barrier(enqueueTimeout).Error(); err != nil {
		return memberReply{Code: codeUnknown}
	}
	return memberReply{Code: codeOK}
}

// Status is a picture of one peer's part in the consensus.
type Status struct {
	ID     peer.ID
	Leader peer.ID // empty when unknown
	// State is raft's name for the role: Leader, Follower, Candidate, Shutdown.
	State string
	Voter bool // has a vote; a new member gets it when it has caught up
	Term  uint64
	// Applied is the last applied entry that holds operations, LastIndex the
	// last entry of the log on this peer.
	Applied   uint64
	LastIndex uint64
	// LastContact is the time since the leader was heard, 0 on the leader and
	// negative if there never was one.
	LastContact time.Duration
	// Waiting says, on the leader, which new members have no vote because another
	// one has that of their slot, and why that is so.
	Waiting map[peer.ID]string
}

// Status may be called at any time, also after Close.
func (c *Consensus) Status() Status {
	leader, _ := c.leaders.refresh()
	s := Status{
		ID:        c.id,
		Leader:    leader,
		State:     c.raft.State().String(),
		Voter:     c.isVoter(),
		Term:      c.raft.CurrentTerm(),
		Applied:   c.Applied(),
		LastIndex: c.raft.LastIndex(),
		Waiting:   c.succession.waits(),
	}
	switch last := c.raft.LastContact(); {
	case c.raft.State() == raft.Leader:
	case last.IsZero():
		s.LastContact = -1
	default:
		s.LastContact = time.Since(last)
	}
	return s
}
