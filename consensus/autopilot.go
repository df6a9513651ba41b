package consensus

import (
	"context"
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

	mu    sync.Mutex
	heard map[raft.ServerID]time.Time // when a member last answered
}

var _ autopilot.ApplicationIntegration = (*autopilotDelegate)(nil)

// superviseMembers lets new members catch up before they vote, and removes those
// that stay away, as long as this peer leads. It runs until the consensus closes.
func (c *Consensus) superviseMembers() {
	d := &autopilotDelegate{c: c}
	pilot := autopilot.New(c.raft, d,
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
		}
		select {
		case <-changed:
		case <-c.closing:
			return
		}
	}
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
		CleanupDeadServers:      d.c.opts.DeadAfter > 0,
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

// RemoveFailedServer implements autopilot.ApplicationIntegration.
func (d *autopilotDelegate) RemoveFailedServer(s *autopilot.Server) {
	d.c.background.start(func() {
		id, err := peer.Decode(string(s.ID))
		if err == nil {
			err = d.c.RmPeer(d.c.ctx, id)
		}
		if err != nil {
			d.c.log.Warn("could not remove a dead member; will try again", "peer", s.ID, "error", err)
			return
		}
		d.c.log.Warn("removed a member that was away for too long", "peer", s.ID, "grace", d.c.opts.DeadAfter)
	})
}

// statsReply is a member's answer to how far it is.
type statsReply = struct {
	Code          int
	LastContactMs int64
	LastTerm      uint64
	LastIndex     uint64
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
	}
}
