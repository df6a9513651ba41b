package consensus

import (
	"errors"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// A majority is lost for good: the survivor, recovered, goes on alone with all that was acknowledged, and takes in new
// members.
func TestRecover(t *testing.T) {
	for _, tt := range []struct {
		name string
		tune func(*Options)
	}{
		{"from the log", nil},
		{"from a snapshot and the log", func(o *Options) {
			o.SnapshotEntries, o.TrailingEntries, o.SnapshotInterval = 20, 5, 50*time.Millisecond
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tc := openPeers(t, 4, tt.tune)
			if err := tc.peers[0].Bootstrap(tc.ids()[:3]); err != nil {
				t.Fatal(err)
			}
			for n := range 300 {
				mustCommit(t, tc.peers[n%3], PinOp(plainPin(n)))
			}
			survivor, newcomer := tc.peers[1], tc.peers[3]
			if err := survivor.Barrier(limit(t)); err != nil {
				t.Fatal(err)
			}
			for _, m := range tc.peers[:3] {
				m.stop()
			}
			if err := Recover(survivor.opts.Dir, survivor.opts.Host.ID(), testLogger(t)); err != nil {
				t.Fatal(err)
			}
			survivor.start()
			<-survivor.Ready(t.Context())
			if n := len(listPins(t, survivor.Local())); n != 300 {
				t.Errorf("%d pins after the recovery, want 300", n)
			}
			mustCommit(t, survivor, PinOp(plainPin(1000)))
			ids, err := survivor.Peers(t.Context())
			if err != nil || !sameIDs(ids, []peer.ID{survivor.id}) {
				t.Errorf("members %v, %v", ids, err)
			}
			if err := survivor.AddPeer(limit(t), newcomer.id); err != nil {
				t.Fatal(err)
			}
			<-newcomer.Ready(t.Context())
			if n := len(listPins(t, newcomer.Local())); n != 301 {
				t.Errorf("the new member has %d pins, want 301", n)
			}
		})
	}
}

func TestRecoverNeedsState(t *testing.T) {
	if err := Recover(t.TempDir(), testPeer(1), testLogger(t)); !errors.Is(err, ErrNoState) {
		t.Errorf("got %v, want ErrNoState", err)
	}
}
