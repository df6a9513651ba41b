package consensus

import (
	"slices"
	"testing"
	"time"
)

// How long a cluster with the default timeouts is without a leader: after its
// foundation, after a restart of all peers, and after the leader's connections
// broke. Nothing is asserted about time.
func TestElectionTimes(t *testing.T) {
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	var founded, restarted, killed []time.Duration
	for range rounds {
		tc := openPeers(t, 3, func(o *Options) { o.Heartbeat = 0 })
		begin := time.Now()
		if err := tc.peers[0].Bootstrap(tc.ids()); err != nil {
			t.Fatal(err)
		}
		tc.leader()
		founded = append(founded, time.Since(begin))
		mustCommit(t, tc.peers[1], PinOp(plainPin(1)))
		for _, m := range tc.peers {
			m.stop()
		}
		begin = time.Now()
		for _, m := range tc.peers {
			m.start()
		}
		tc.leader()
		restarted = append(restarted, time.Since(begin))
		tc.awaitReady()
		leader, followers := tc.leader()
		leader.kill()
		begin = time.Now()
		mustCommit(t, followers[0], PinOp(plainPin(2)))
		killed = append(killed, time.Since(begin))
		for _, m := range tc.peers {
			m.stop()
		}
	}
	for what, d := range map[string][]time.Duration{"foundation": founded, "restart of all": restarted, "death of the leader": killed} {
		slices.Sort(d)
		t.Logf("%s: median %v, all %v", what, d[len(d)/2], d)
	}
}

// A peer that is cut off, comes back and is eager to be elected does not unseat
// the leader.
func TestReturningPeersDoNotDisturbTheLeader(t *testing.T) {
	tc := startCluster(t, 3, func(o *Options) { o.Heartbeat = 0 })
	leader, followers := tc.leader()
	term := leader.Status().Term
	for range 5 {
		followers[0].stop()
		followers[0].start()
		tc.awaitReady()
		if err := followers[1].host.Network().ClosePeer(leader.id); err != nil {
			t.Fatal(err)
		}
		mustCommit(t, followers[0], PinOp(plainPin(1)))
	}
	if s := leader.Status(); s.State != "Leader" || s.Term != term {
		t.Errorf("the leader of term %d is now %+v", term, s)
	}
}
