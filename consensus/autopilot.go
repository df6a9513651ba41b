package consensus

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	autopilot "github.com/hashicorp/raft-autopilot"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	// trailingEntries is how far a member may lag and still count as caught up.
	trailingEntries = 500
	// minVoters is the number below which no dead voter is removed: with two of
	// three gone for a while, a cluster of one would be a second truth.
	minVoters = 3
	// statsTimeout bounds the question to one member how far it is.
	statsTimeout = time.Second
)

// autopilotDelegate tells raft-autopilot about the members. Only the leader runs
// an autopilot.
type autopilotDelegate struct {
	c *Consensus

	mu       sync.Mutex
	heard    map[raft.ServerID]time.Time // when a member last answered
	removing map[raft.ServerID]bool      // who is being removed
}

var _ autopilot.ApplicationIntegration = (*autopilotDelegate)(nil)

// superviseMembers lets new members catch up before they vote, and removes those
// that stay away, as long as this peer leads. It runs until the consensus closes.
func (c *Consensus) superviseMembers() {
	d := c.succession.d
	pilot := autopilot.New(c.raft, d,
		autopilot.WithPromoter(c.succession),
		autopilot.WithLogger(newRaftLogger(c.log)),
		autopilot.WithUpdateInterval(c.opts.Stabilization/10),
		autopilot.WithReconcileInterval(c.opts.Stabilization/5))
	defer func() { <-pilot.Stop() }()
	for {
		leader, changed := c.leaders.refresh()
		if leader == c.id {
			d.forget()
			pilot.Start(c.ctx)
		} else {
			<-pilot.Stop()
			c.succession.wait(nil)
		}
		select {
		case <-changed:
		case <-c.closing:
			return
		}
	}
}

// newSuccession makes what decides on members while this peer leads.
func newSuccession(c *Consensus) *succession {
	return &succession{d: &autopilotDelegate{c: c, heard: make(map[raft.ServerID]time.Time), removing: make(map[raft.ServerID]bool)}}
}

// forget makes every member count as heard of now: a new leader gives all of
// them the whole grace period.
func (d *autopilotDelegate) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.heard = make(map[raft.ServerID]time.Time)
}

// AutopilotConfig implements autopilot.ApplicationIntegration.
func (d *autopilotDelegate) AutopilotConfig() *autopilot.Config {
	return &autopilot.Config{
		CleanupDeadServers:      true, // of those that KnownServers or succession name
		LastContactThreshold:    2 * d.c.opts.Heartbeat,
		MaxTrailingLogs:         trailingEntries,
		MinQuorum:               minVoters,
		ServerStabilizationTime: d.c.opts.Stabilization,
	}
}

// NotifyState implements autopilot.ApplicationIntegration.
func (d *autopilotDelegate) NotifyState(*autopilot.State) {}

// KnownServers implements autopilot.ApplicationIntegration: every member, dead
// when it was not heard of for the grace period. A member that is left out
// would be removed at once.
func (d *autopilotDelegate) KnownServers() map[raft.ServerID]*autopilot.Server {
	d.mu.Lock()
	defer d.mu.Unlock()
	known := make(map[raft.ServerID]*autopilot.Server)
	for _, s := range d.c.servers() {
		last, ok := d.heard[s.ID]
		if !ok {
			last = time.Now()
			d.heard[s.ID] = last
		}
		status := autopilot.NodeAlive
		if grace := d.c.opts.DeadAfter; grace > 0 && time.Since(last) > grace {
			status = autopilot.NodeFailed
		}
		known[s.ID] = &autopilot.Server{
			ID: s.ID, Address: s.Address, NodeStatus: status, NodeType: autopilot.NodeVoter,
			RaftVersion: int(raft.ProtocolVersionMax), IsLeader: string(s.ID) == d.c.id.String(),
		}
	}
	return known
}

// silent reports whether a member has not answered for as long as a new one must
// be stable.
func (d *autopilotDelegate) silent(id raft.ServerID, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	last, ok := d.heard[id]
	return ok && now.Sub(last) > d.c.opts.Stabilization
}

// FetchServerStats implements autopilot.ApplicationIntegration: it asks all
// members at once and leaves out those that do not answer.
func (d *autopilotDelegate) FetchServerStats(ctx context.Context, servers map[raft.ServerID]*autopilot.Server) map[raft.ServerID]*autopilot.ServerStats {
	ctx, cancel := context.WithTimeout(ctx, statsTimeout)
	defer cancel()
	var mu sync.Mutex
	var asking sync.WaitGroup
	stats := make(map[raft.ServerID]*autopilot.ServerStats)
	for id := range servers {
		asking.Go(func() {
			s, err := d.c.statsOf(ctx, id)
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			stats[id] = s
		})
	}
	asking.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	for id := range stats {
		d.heard[id] = time.Now()
	}
	return stats
}

// RemoveFailedServer implements autopilot.ApplicationIntegration. Only a leader
// removes: one that leads no more leaves it to the next, which sees for itself.
func (d *autopilotDelegate) RemoveFailedServer(s *autopilot.Server) {
	d.mu.Lock()
	busy := d.removing[s.ID]
	d.removing[s.ID] = true
	d.mu.Unlock()
	if busy {
		return
	}
	d.c.background.start(func() {
		defer func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			delete(d.removing, s.ID)
		}()
		if err := d.remove(s); err != nil {
			d.c.log.Warn("could not remove a dead member; will try again", "peer", s.ID, "error", err)
		}
	})
}

// remove removes a dead member, and with one whose machine is gone its record: it
// will not come back.
func (d *autopilotDelegate) remove(s *autopilot.Server) error {
	if r := d.c.changeMemberHere(memberRemove, string(s.ID)); r.Code != codeOK {
		return fmt.Errorf("remove member %s: code %d %s", s.ID, r.Code, r.Message)
	}
	if s.NodeStatus != autopilot.NodeLeft {
		d.c.log.Warn("removed a member that was away for too long", "peer", s.ID, "grace", d.c.opts.DeadAfter)
		return nil
	}
	d.c.log.Warn("removed a member whose machine is gone; another one has its slot", "peer", s.ID)
	id, err := peer.Decode(string(s.ID))
	if err != nil {
		return err
	}
	if _, err := d.c.Commit(d.c.ctx, DelMemberOp(id)); err != nil {
		d.c.log.Info("the record of a removed member stays", "peer", id, "error", err) // which does no harm
	}
	return nil
}

// statsReply is a member's answer to how far it is.
type statsReply = struct {
	Code          int
	LastContactMs int64
	LastTerm      uint64
	LastIndex     uint64
	TakesRequests bool // a leader is to be told for which requests entries are; earlier builds say nothing
}

// statsOf asks a member how far it is.
func (c *Consensus) statsOf(ctx context.Context, id raft.ServerID) (*autopilot.ServerStats, error) {
	var r statsReply
	member, err := peer.Decode(string(id))
	switch {
	case err != nil:
		return nil, err
	case member == c.id:
		r = c.statsHere()
	default:
		if err := c.forward.client.CallContext(ctx, member, forwardService, "Stats", struct{}{}, &r); err != nil {
			return nil, err
		}
	}
	if r.Code != codeOK {
		return nil, ErrClosed
	}
	return &autopilot.ServerStats{
		LastContact: time.Duration(r.LastContactMs) * time.Millisecond, LastTerm: r.LastTerm, LastIndex: r.LastIndex,
	}, nil
}

// statsHere tells how far this peer is.
func (c *Consensus) statsHere() statsReply {
	if !c.gate.enter() {
		return statsReply{Code: codeClosed}
	}
	defer c.gate.leave()
	stats := c.raft.Stats()
	term, _ := strconv.ParseUint(stats["last_log_term"], 10, 64) // raft always sets it
	return statsReply{
		LastContactMs: c.Status().LastContact.Milliseconds(),
		LastTerm:      term,
		LastIndex:     c.raft.LastIndex(),
		TakesRequests: true,
	}
}
