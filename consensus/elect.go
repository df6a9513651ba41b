package consensus

import (
	"cmp"
	"slices"
	"time"

	"github.com/hashicorp/raft"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// raft finds out by a timeout that there is no leader, of one to two Heartbeats
// on each peer, although the peers mostly know better: they have just been
// started, or the connection to the leader has broken because its process died.
// The elector makes use of that.
//
// Once a majority is there to vote, the peers stand for election one by one in
// the order of their IDs, electionStep apart: the first that has all committed
// entries wins, and votes are not split. A peer stands when its heartbeat timeout
// is shortened, for a moment, to the leader's lease, half a Heartbeat: raft then
// looks at the clock at once. With a shorter one another leader could be elected
// beside the old one; with one that stays short, a slow machine would lose
// leaders for nothing.
//
// A living leader is safe: a peer that hears of it does not stand, and others
// that hear of it refuse to vote.

const (
	// electionStep is the distance between candidates: enough for one election
	// between neighbours, and little beside Heartbeat.
	electionStep = 40 * time.Millisecond
	// electionTick is how often the situation is examined while there is no
	// reachable leader.
	electionTick = 10 * time.Millisecond
)

// elector is woken when the situation may have changed.
type elector struct{ wake chan struct{} }

func newElector() *elector { return &elector{wake: make(chan struct{}, 1)} }

func (e *elector) signal() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// hastenElections runs until the consensus closes.
func (c *Consensus) hastenElections() {
	bundle := &network.NotifyBundle{
		ConnectedF:    func(network.Network, network.Conn) { c.elector.signal() },
		DisconnectedF: func(network.Network, network.Conn) { c.elector.signal() },
	}
	c.host.Network().Notify(bundle)
	defer c.host.Network().StopNotify(bundle)
	eager := false
	var campaign campaign
	for {
		leader, changed := c.leaders.refresh()
		settled := leader != "" && c.reaches(leader)
		if eager {
			eager = false // the follower has looked at its clock by now
			c.setEager(false)
		}
		var tick <-chan time.Time
		if settled || !c.isVoter() {
			campaign = newCampaign()
		} else {
			if campaign.due(c, leader) {
				// Only a shortened timeout makes a follower act at once.
				eager = true
				c.setEager(true)
			}
			tick = time.After(electionTick)
		}
		select {
		case <-changed:
		case <-c.elector.wake:
		case <-tick:
		case <-c.closing:
			return
		}
	}
}

// campaign is this peer's wait for its turn to stand for election.
type campaign struct {
	since time.Time // a majority has been there to vote, zero: it is not
	stood time.Time // the last time
}

func newCampaign() campaign { return campaign{} }

// due reports that it is this peer's turn, and again when that came to nothing. A
// leader that is known must have been unreachable, and silent, for its lease.
func (g *campaign) due(c *Consensus, leader peer.ID) bool {
	now := time.Now()
	rank, quorum := c.electors(leader)
	if !quorum {
		*g = campaign{}
		return false
	}
	if g.since.IsZero() {
		g.since = now
	}
	start := g.since
	lease := c.opts.Heartbeat / 2
	if leader != "" {
		start = start.Add(lease)
	}
	if silence := c.raft.LastContact().Add(lease); start.Before(silence) {
		start = silence
	}
	if now.Sub(g.stood) < c.opts.Heartbeat || c.raft.State() != raft.Follower || now.Before(start.Add(time.Duration(rank)*electionStep)) {
		return false
	}
	g.stood = now
	return true
}

// setEager switches raft's timeouts. The shorter ones take effect at once.
func (c *Consensus) setEager(eager bool) {
	conf := c.raft.ReloadableConfig()
	conf.HeartbeatTimeout = c.opts.Heartbeat
	if eager {
		conf.HeartbeatTimeout = c.opts.Heartbeat / 2
	}
	conf.ElectionTimeout = conf.HeartbeatTimeout
	if err := c.raft.ReloadConfig(conf); err != nil {
		c.log.Error("raft's timeouts could not be changed", "error", err)
	}
}

func (c *Consensus) isVoter() bool {
	return slices.ContainsFunc(c.servers(), func(s raft.Server) bool {
		return s.Suffrage == raft.Voter && string(s.ID) == c.id.String()
	})
}

// electors returns this peer's place among the voters that can be reached, and
// whether those are a majority. The silent leader does not count as one.
func (c *Consensus) electors(leader peer.ID) (rank int, quorum bool) {
	voters, reached := 0, 0
	own := c.id.String()
	for _, s := range c.servers() {
		if s.Suffrage != raft.Voter {
			continue
		}
		voters++
		id, err := peer.Decode(string(s.ID))
		if err != nil || id == leader || !c.reaches(id) {
			continue
		}
		reached++
		if cmp.Less(string(s.ID), own) {
			rank++
		}
	}
	return rank, reached > voters/2
}

// reaches reports whether a peer is connected and takes part in raft.
func (c *Consensus) reaches(id peer.ID) bool {
	if id == c.id {
		return true
	}
	if c.host.Network().Connectedness(id) != network.Connected {
		return false
	}
	known, err := c.host.Peerstore().SupportsProtocols(id, raftProtocol)
	return err == nil && len(known) > 0
}
