package consensus

import (
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// A peer that joins a cluster that has been at work first catches up without a
// vote, then gets one.
func TestNewMemberVotesOnceCaughtUp(t *testing.T) {
	tc := openPeers(t, 4, func(o *Options) { o.Stabilization = 500 * time.Millisecond })
	founders := tc.ids()[:3]
	if err := tc.peers[0].Bootstrap(founders); err != nil {
		t.Fatal(err)
	}
	for n := range 200 {
		mustCommit(t, tc.peers[n%3], PinOp(plainPin(n)))
	}
	joiner := tc.peers[3]
	if err := tc.peers[1].AddPeer(limit(t), joiner.id); err != nil {
		t.Fatal(err)
	}
	if joiner.Status().Voter {
		t.Error("the new member votes before it has caught up")
	}
	<-joiner.Ready(t.Context())
	eventually(t, func() bool { return joiner.Status().Voter })
	if n := len(listPins(t, joiner.Local())); n != 200 {
		t.Errorf("the new voter has %d pins, want 200", n)
	}
	tc.check()
}

// A member that stays away longer than the grace period is removed while enough
// voters remain, and no further.
func TestDeadMemberIsRemoved(t *testing.T) {
	const grace = 1500 * time.Millisecond
	tc := startCluster(t, 4, func(o *Options) {
		o.Stabilization, o.DeadAfter = 500*time.Millisecond, grace
	})
	members := func() []peer.ID {
		ids, err := tc.up()[0].Peers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	_, followers := tc.leader()
	first, second := followers[0], followers[1]
	first.stop()
	began := time.Now()
	eventually(t, func() bool { return !slices.Contains(members(), first.id) })
	if took := time.Since(began); took < grace-tc.peers[0].opts.Heartbeat {
		t.Errorf("removed after %s, before the grace period of %s was over", took, grace)
	}

	second.stop() // now two of three are up: the third may come back
	mustCommit(t, tc.up()[0], PinOp(plainPin(1)))
	deadline := time.After(2 * grace)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if !slices.Contains(members(), second.id) {
				t.Fatal("a member was removed although only two voters remain")
			}
			continue
		case <-deadline:
		}
		break
	}
	second.start()
	<-second.Ready(t.Context())
	tc.check()
}
