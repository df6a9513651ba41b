package consensus

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"go.uber.org/goleak"
)

// The leader vanishes while every survivor writes: no acknowledged pin may be
// lost, none refused, and none applied twice.
func TestLeaderDies(t *testing.T) {
	tc := startCluster(t, 3, nil)
	leader, followers := tc.leader()
	var written atomic.Int64
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for i, m := range followers {
		wg.Go(func() {
			for n := i * 100000; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				mustPinAndUnpin(t, m, n)
				written.Add(1)
			}
		})
	}
	eventually(t, func() bool { return written.Load() > 20 })
	leader.stop()
	died := time.Now()
	at := written.Load()
	eventually(t, func() bool { return written.Load() > at+20 })
	t.Logf("20 writes after the leader's death took %v", time.Since(died))
	leader.start()
	tc.awaitReady()
	close(stop)
	wg.Wait()
	tc.check()
	if n := len(listPins(t, leader.Local())); int64(n) != written.Load() {
		t.Errorf("%d pins, want %d", n, written.Load())
	}
}

// mustPinAndUnpin leaves one pin behind. An entry applied twice would show in
// the result of the unpin.
func mustPinAndUnpin(t testing.TB, m *member, n int) {
	for _, op := range []Op{PinOp(plainPin(n)), UnpinOp(testCid(n)), PinOp(plainPin(n))} {
		done, err := m.Commit(limit(t), op)
		if err == nil {
			err = done.Errs[0]
		}
		if err != nil {
			t.Errorf("operation %d on pin %d: %v", op.Kind, n, err)
		}
	}
}

// Connections break again and again: retried entries are applied once.
func TestConnectionsBreak(t *testing.T) {
	tc := startCluster(t, 3, nil)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(30 * time.Millisecond):
			}
			h := tc.peers[i%3].host
			if err := h.Network().ClosePeer(tc.peers[(i+1)%3].id); err != nil {
				t.Log(err)
			}
		}
	})
	var writers sync.WaitGroup
	for i, m := range tc.peers {
		writers.Go(func() {
			for n := range 30 {
				mustPinAndUnpin(t, m, i*1000+n)
			}
		})
	}
	writers.Wait()
	close(stop)
	wg.Wait()
	tc.check()
	if n := len(listPins(t, tc.peers[0].Local())); n != 90 {
		t.Errorf("%d pins, want 90", n)
	}
}

// Without a majority an operation that was proposed has no known outcome, and
// the cluster agrees on one when it is back.
func TestLostMajority(t *testing.T) {
	tc := startCluster(t, 3, nil)
	leader, followers := tc.leader()
	for _, m := range followers {
		m.stop()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := leader.Commit(ctx, PinOp(plainPin(1)))
	if !errors.Is(err, ErrUnknownOutcome) && !errors.Is(err, ErrNoLeader) {
		t.Errorf("got error %v", err)
	}
	eventually(t, func() bool { return leader.Status().Leader == "" })
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := leader.Commit(ctx, PinOp(plainPin(2))); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("a call that never left: got error %v", err)
	}
	if err := leader.Barrier(ctx); err == nil {
		t.Error("a barrier passed without a majority")
	}
	for _, m := range followers {
		m.start()
	}
	mustCommit(t, followers[0], PinOp(plainPin(3)))
	if has, err := followers[0].Local().Has(t.Context(), testCid(2)); has || err != nil {
		t.Errorf("a withdrawn operation was applied: %v", err)
	}
}

// A peer that knows why it is in no cluster says so instead of waiting for a leader, until it finds one.
func TestOutside(t *testing.T) {
	reason := errors.New("waiting for others")
	tc := openPeers(t, 1, func(o *Options) { o.CommitTimeout, o.Outside = time.Hour, func() error { return reason } })
	m := tc.peers[0]
	_, commitErr := m.Commit(t.Context(), PinOp(plainPin(1)))
	_, peersErr := m.Peers(t.Context())
	for what, err := range map[string]error{
		"commit": commitErr, "barrier": m.Barrier(t.Context()), "add peer": m.AddPeer(t.Context(), testPeer(1)), "peers": peersErr,
	} {
		if !errors.Is(err, ErrNotMember) || !errors.Is(err, reason) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := m.Bootstrap([]peer.ID{m.id}); err != nil {
		t.Fatal(err)
	}
	<-m.Ready(t.Context())
	mustCommit(t, m, PinOp(plainPin(1)))
}

func TestWithoutLeader(t *testing.T) {
	tc := openPeers(t, 1, func(o *Options) { o.CommitTimeout, o.QueueOps = 200*time.Millisecond, 4 })
	m := tc.peers[0]
	if m.HasState() {
		t.Error("a fresh peer claims to have state")
	}
	if _, err := m.Commit(t.Context(), PinOp(plainPin(1))); !errors.Is(err, ErrNoLeader) {
		t.Errorf("commit: %v", err)
	}
	if err := m.Barrier(t.Context()); !errors.Is(err, ErrNoLeader) {
		t.Errorf("barrier: %v", err)
	}
	if err := m.AddPeer(t.Context(), testPeer(1)); !errors.Is(err, ErrNoLeader) {
		t.Errorf("add peer: %v", err)
	}
	if id, err := m.Leader(t.Context()); !errors.Is(err, ErrNoLeader) {
		t.Errorf("leader: %s, %v", id, err)
	}
	if ids, err := m.Peers(t.Context()); !errors.Is(err, ErrNotMember) {
		t.Errorf("peers: %v, %v", ids, err)
	}
	if err := m.Handover(t.Context()); err != nil {
		t.Errorf("handover: %v", err)
	}
	select {
	case <-m.Ready(t.Context()):
		t.Error("ready without a cluster")
	default:
	}
}

func TestOverload(t *testing.T) {
	tc := openPeers(t, 1, func(o *Options) { o.QueueOps = 4 })
	m := tc.peers[0]
	waiting := make(chan error, 10)
	commit := func(ctx context.Context, n int) {
		_, err := m.Commit(ctx, PinOp(plainPin(n)), PinOp(plainPin(n+1)))
		waiting <- err
	}
	queued := func(ops int) func() bool {
		return func() bool {
			m.batcher.queue.mu.Lock()
			defer m.batcher.queue.mu.Unlock()
			return m.batcher.queue.ops == ops
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	go commit(ctx, 0)
	eventually(t, queued(2))
	go commit(limit(t), 10)
	eventually(t, queued(4))
	if _, err := m.Commit(t.Context(), PinOp(plainPin(20))); !errors.Is(err, ErrOverloaded) {
		t.Errorf("full queue: %v", err)
	}
	// A cancelled call frees its place and is never proposed.
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("cancelled: %v", err)
	}
	eventually(t, queued(2))
	if err := m.Bootstrap(tc.ids()); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; err != nil {
		t.Errorf("after the overload: %v", err)
	}
	if n := len(listPins(t, m.Local())); n != 2 {
		t.Errorf("%d pins, want 2", n)
	}
}

func TestHandover(t *testing.T) {
	tc := startCluster(t, 3, nil)
	leader, followers := tc.leader()
	if err := followers[0].Handover(limit(t)); err != nil {
		t.Errorf("on a follower: %v", err)
	}
	begin := time.Now()
	if err := leader.Handover(limit(t)); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, leader, PinOp(plainPin(1)))
	t.Logf("handover and a commit through the next leader took %v", time.Since(begin))
	if next, _ := tc.leader(); next == leader {
		t.Error("the leader is still the same")
	}
}

func TestMembers(t *testing.T) {
	tc := openPeers(t, 4, nil)
	for _, m := range tc.peers[:3] {
		if err := m.Bootstrap(tc.ids()[:3]); err != nil { // the same set on each
			t.Fatal(err)
		}
	}
	if err := tc.peers[0].Bootstrap(tc.ids()); !errors.Is(err, ErrHasState) {
		t.Errorf("second bootstrap: %v", err)
	}
	joiner := tc.peers[3]
	if _, err := joiner.Peers(t.Context()); !errors.Is(err, ErrNotMember) {
		t.Errorf("peers of a stranger: %v", err)
	}
	mustCommit(t, tc.peers[1], PinOp(plainPin(1)))
	if tc.peers[0].IsTrustedPeer(t.Context(), joiner.id) {
		t.Error("a stranger is trusted")
	}
	for range 2 {
		if err := tc.peers[1].AddPeer(limit(t), joiner.id); err != nil {
			t.Fatal(err)
		}
	}
	tc.awaitReady()
	ids, err := joiner.Peers(t.Context())
	if err != nil || !sameIDs(ids, tc.ids()) {
		t.Errorf("peers %v, %v, want %v", ids, err, tc.ids())
	}
	if !joiner.IsTrustedPeer(t.Context(), tc.peers[0].id) || len(listPins(t, joiner.Local())) != 1 {
		t.Error("the new member has not caught up")
	}
	tc.check()

	// The leader removes itself, and a follower another one.
	leader, followers := tc.leader()
	if err := leader.RmPeer(limit(t), leader.id); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		ids, err := followers[0].Peers(t.Context())
		return err == nil && len(ids) == 3 && !slices.Contains(ids, leader.id)
	})
	leader.stop()
	for range 2 {
		if err := followers[0].RmPeer(limit(t), followers[1].id); err != nil {
			t.Fatal(err)
		}
	}
	followers[1].stop()
	mustCommit(t, followers[2], PinOp(plainPin(2)))
	tc.check()
	if err := followers[0].RmPeer(limit(t), "no peer ID"); !errors.Is(err, ErrInvalid) && err != nil {
		t.Errorf("removing nonsense: %v", err)
	}
}

func sameIDs(a, b []peer.ID) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func TestTheOnlyMemberStays(t *testing.T) {
	tc := startCluster(t, 1, nil)
	m := tc.peers[0]
	if err := m.RmPeer(limit(t), m.id); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
	mustCommit(t, m, PinOp(plainPin(1)))
	if err := m.Handover(limit(t)); err != nil {
		t.Errorf("handover: %v", err)
	}
}

func TestCloseAndClean(t *testing.T) {
	hosts := testHosts(t, 1)
	// Stream handlers of the host come and go, nothing of ours may stay.
	ignore := goleak.IgnoreCurrent()
	o := Options{Dir: filepath.Join(t.TempDir(), "made", "on", "demand"), Host: hosts[0], Logger: testLogger(t), Heartbeat: 100 * time.Millisecond}
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(o); err == nil {
		t.Error("a directory in use was opened again")
	}
	if err := c.Bootstrap([]peer.ID{hosts[0].ID()}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Commit(limit(t), PinOp(plainPin(1))); err != nil {
		t.Fatal(err)
	}
	if err := c.Clean(t.Context()); err == nil {
		t.Error("clean before close succeeded")
	}
	next := make(chan error, 1)
	go func() {
		for {
			if _, err := c.Next(context.Background()); err != nil {
				next <- err
				return
			}
		}
	}()
	for range 2 {
		if err := c.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-next; !errors.Is(err, ErrClosed) {
		t.Errorf("next: %v", err)
	}
	checkClosed(t, c)
	goleak.VerifyNone(t, ignore,
		// The host starts this one when it gets round to it.
		goleak.IgnoreTopFunction("github.com/libp2p/go-libp2p/p2p/protocol/identify.(*idService).loop.func1"))
	if err := c.Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(o.Dir)
	if err != nil || len(left) != 0 {
		t.Errorf("left after clean: %v, %v", left, err)
	}
}

// checkClosed tries what must fail after Close.
func checkClosed(t *testing.T, c *Consensus) {
	t.Helper()
	_, commitErr := c.Commit(t.Context(), PinOp(plainPin(2)))
	_, getErr := c.Local().Get(t.Context(), testCid(1))
	for what, err := range map[string]error{
		"commit": commitErr, "get": getErr, "barrier": c.Barrier(t.Context()),
		"add peer": c.AddPeer(t.Context(), testPeer(1)), "bootstrap": c.Bootstrap([]peer.ID{testPeer(1)}),
		"wait applied": c.WaitApplied(t.Context(), 1<<40),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s after close: %v", what, err)
		}
	}
	if s := c.Status(); s.State != "Shutdown" {
		t.Errorf("status %+v", s)
	}
}

// A state without the log it came from would skip entries of the next cluster.
func TestForeignStateIsRefused(t *testing.T) {
	tc := startCluster(t, 1, nil)
	m := tc.peers[0]
	mustCommit(t, m, PinOp(plainPin(1)))
	m.stop()
	if err := os.RemoveAll(filepath.Join(m.opts.Dir, logDir)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(m.opts); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
}

func TestOptionsReportAllFaults(t *testing.T) {
	_, err := Open(Options{Heartbeat: time.Nanosecond, InFlight: 1000})
	joined, ok := errors.Unwrap(err).(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 4 {
		t.Errorf("got %v, want four faults", err)
	}
}
