package consensus

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// Peers with too little space refuse what makes the state grow, hand over the
// lead, go on reading, and recover by themselves.
func TestFullDisk(t *testing.T) {
	free := make(map[string]*atomic.Int64)
	tc := startCluster(t, 3, func(o *Options) {
		n := new(atomic.Int64)
		n.Store(1 << 40)
		free[o.Dir] = n
		o.MinFree = 1000
		o.freeBytes = func(string) (int64, error) { return n.Load(), nil }
	})
	leader, followers := tc.leader()
	mustCommit(t, leader, PinOp(plainPin(1)), PinOp(plainPin(2)), PinOp(plainPin(3)))
	set := func(m *member, n int64) {
		t.Helper()
		free[m.opts.Dir].Store(n)
		eventually(t, func() bool { return m.disk.now.Load() == n })
	}

	// A full follower refuses; the others do not mind.
	set(followers[0], 600)
	if _, err := followers[0].Commit(limit(t), PinOp(plainPin(9))); !errors.Is(err, ErrDiskFull) {
		t.Errorf("pin on a full follower: %v", err)
	}
	mustCommit(t, followers[0], UnpinOp(testCid(1)))
	set(followers[0], 400)
	if _, err := followers[0].Commit(limit(t), UnpinOp(testCid(2))); !errors.Is(err, ErrDiskFull) {
		t.Errorf("unpin without any reserve: %v", err)
	}
	mustCommit(t, leader, PinOp(plainPin(4)))

	// A full leader gives the lead to the one with space.
	set(leader, 400)
	eventually(t, func() bool { return followers[1].Status().State == "Leader" })
	mustCommit(t, followers[1], PinOp(plainPin(5)))

	// When all are full nothing is written, and reads go on.
	set(followers[1], 600)
	if _, err := followers[1].Commit(limit(t), PinOp(plainPin(9))); !errors.Is(err, ErrDiskFull) {
		t.Errorf("pin on a full leader: %v", err)
	}
	set(leader, 1<<40)
	eventually(t, func() bool { return leader.Status().State == "Leader" })
	set(leader, 600)
	set(followers[0], 1<<40)
	for _, m := range tc.peers {
		pins, err := m.Pins(limit(t))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := pins.Len(t.Context()); n != 4 || err != nil {
			t.Errorf("%d pins, %v, want 4", n, err)
		}
	}
	for _, m := range tc.peers {
		set(m, 1<<40)
	}
	mustCommit(t, leader, PinOp(plainPin(6)))
}

// The leader says so when it is the one without space, and there is nobody else.
func TestFullLeaderTellsFollowers(t *testing.T) {
	var few atomic.Bool
	var host atomic.Value
	tc := startCluster(t, 3, func(o *Options) {
		dir := o.Dir
		o.freeBytes = func(string) (int64, error) {
			if full := host.Load(); few.Load() && full != nil && full.(string) == dir {
				return 0, nil
			}
			return 1 << 40, nil
		}
	})
	leader, followers := tc.leader()
	host.Store(leader.opts.Dir)
	// As if the followers had no room either, when asked.
	for _, m := range followers {
		m.disk.now.Store(0)
	}
	few.Store(true)
	leader.disk.look()
	r := leader.proposeHere([]byte("anything"))
	if r.Code != codeDiskFull {
		t.Errorf("got %+v", r)
	}
	few.Store(false)
	for _, m := range tc.peers {
		eventually(t, m.disk.hasRoom)
	}
	mustCommit(t, followers[0], PinOp(plainPin(1)))
}

// With FULL_DISK_DIR naming a directory on a small file system: it is filled to
// the last byte, in spite of the reserve, below the leader and below a follower.
func TestReallyFullDisk(t *testing.T) {
	small := os.Getenv("FULL_DISK_DIR")
	if small == "" {
		t.Skip("FULL_DISK_DIR is not set")
	}
	n := 0
	tc := startCluster(t, 3, func(o *Options) {
		if n++; n == 1 {
			o.Dir = filepath.Join(small, "peer")
		}
		// The reserve must not help.
		o.SegmentBytes, o.freeBytes = 1<<20, func(string) (int64, error) { return 1 << 40, nil }
		o.SnapshotEntries, o.TrailingEntries = 200, 50
		o.SnapshotInterval = 200_000_000
	})
	first := tc.peers[0]
	for round, leads := range []bool{true, false, true} {
		eventually(t, func() bool {
			leader, _ := tc.leader()
			if (leader == first) == leads {
				return true
			}
			if err := leader.Handover(limit(t)); err != nil {
				t.Error(err)
			}
			return false
		})
		ballast := filepath.Join(small, "ballast")
		fillDisk(t, ballast)
		acked := map[api.Cid]bool{}
		for i := range 600 {
			var ops []Op
			for j := range 40 {
				p := plainPin(round*100_000 + i*100 + j)
				p.Name = "some name that takes space"
				ops = append(ops, PinOp(p))
			}
			done, err := tc.peers[1+i%2].Commit(limit(t), ops...)
			if err != nil {
				t.Fatalf("round %d, call %d: %v, %+v", round, i, err, first.Status())
			}
			_ = done
			acked[ops[0].Pin.Cid] = true
		}
		t.Logf("round %d: leader before %v, now %v; the full peer is %+v", round, leads, tc.peers[1].Status().Leader == first.Status().ID, first.Status())
		if pins, err := first.Pins(WithStale(t.Context())); err != nil {
			t.Error(err)
		} else if _, err := pins.Len(t.Context()); err != nil {
			t.Error(err)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		mustCommit(t, first, PinOp(plainPin(900_000+round)))
		for c := range acked {
			if has, err := first.Local().Has(t.Context(), c); !has || err != nil {
				t.Fatalf("an acknowledged pin is missing: %v", err)
			}
		}
		tc.check()
	}
}

// fillDisk writes until nothing more fits.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	_ = f.Sync()
	_ = f.Close()
}
