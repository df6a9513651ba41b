package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/ipfs/go-cid"
	"go.uber.org/goleak"

	"github.com/underlay/underlay/consensus"
)

// pinned pins through the peer as package proxy does, and waits for the holders.
func (r *running) pinned(c cid.Cid, mode api.PinMode, name string, fetch bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	unlock := r.Node().Blockstore.PinLock(ctx)
	await, err := r.Pin(ctx, c, mode, name, fetch)
	unlock.Unlock(ctx)
	if err != nil {
		r.t.Fatalf("pin %s: %v", name, err)
	}
	if err := await(ctx); err != nil {
		r.t.Fatalf("await the holders of %s: %v", name, err)
	}
}

// committed reads a pin of the pinset.
func (r *running) committed(c cid.Cid) (api.Pin, error) {
	r.t.Helper()
	st, err := r.State(r.t.Context())
	if err != nil {
		r.t.Fatalf("read the pinset: %v", err)
	}
	return st.Get(r.t.Context(), api.NewCid(c))
}

func (r *running) local(c cid.Cid) api.IPFSPinStatus {
	r.t.Helper()
	status, err := r.pins.Status(r.t.Context(), c)
	if err != nil {
		r.t.Fatalf("look up local pin: %v", err)
	}
	return status
}

func (r *running) awaitLocal(c cid.Cid, want api.IPFSPinStatus) {
	r.t.Helper()
	eventually(r.t, "the local pin is "+want.ToTrackerStatus().String(), func() bool { return r.local(c) == want })
}

// checkLeaks fails the test if it leaves a goroutine behind. It must be the first thing that the test does.
func checkLeaks(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		goleak.VerifyNone(t, before,
			// The node's content routing starts these three and does not end them with the node.
			goleak.IgnoreTopFunction("github.com/ipfs/boxo/routing/providerquerymanager.(*ProviderQueryManager).run"),
			goleak.IgnoreTopFunction("github.com/ipfs/boxo/routing/providerquerymanager.(*ProviderQueryManager).findProviderWorker"),
			goleak.IgnoreTopFunction("github.com/gammazero/chanqueue.(*ChanQueue[...]).bufferData"),
			// One for all meters of the process; it ends by itself when they have been idle for a while.
			goleak.IgnoreAnyFunction("github.com/libp2p/go-flow-metrics.(*sweeper).run"),
		)
	})
}

// TestOnePeer is the life of a peer that is a cluster of its own: pins, a restart, and nothing left behind.
func TestOnePeer(t *testing.T) {
	checkLeaks(t)
	options := testOptions(filepath.Join(t.TempDir(), "one"), "127.0.0.1:0")
	options.Secret = nil // it makes its own
	r := startPeer(t, options)
	r.awaitReady()
	if s := r.Consensus(); s.Leader != r.ID() {
		t.Errorf("the leader is %s", s.Leader)
	}
	if _, err := Open(t.Context(), options); !errors.Is(err, ErrDataDirInUse) {
		t.Errorf("opening the same directory again gives %v", err)
	}
	kept, _ := r.addTree("kept")
	dropped, _ := r.addTree("dropped")
	r.pinned(kept.Cid(), api.PinModeRecursive, "kept", false)
	r.pinned(dropped.Cid(), api.PinModeDirect, "dropped", true)
	if got := r.local(dropped.Cid()); got != api.IPFSPinStatusDirect {
		t.Errorf("the direct pin is %v on the node", got)
	}
	if err := r.Unpin(t.Context(), dropped.Cid()); err != nil {
		t.Errorf("unpin: %v", err)
	}
	r.awaitLocal(dropped.Cid(), api.IPFSPinStatusUnpinned)
	if err := r.Unpin(t.Context(), dropped.Cid()); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("unpin what is not pinned: %v", err)
	}
	id, node := r.ID(), r.Node().Identity
	r.stop()
	if err := r.Close(); err != nil {
		t.Errorf("a second close: %v", err)
	}

	again := startPeer(t, options)
	again.awaitReady()
	if again.ID() != id || again.Node().Identity != node {
		t.Errorf("identities %s and %s, were %s and %s", again.ID(), again.Node().Identity, id, node)
	}
	if pin, err := again.committed(kept.Cid()); err != nil || pin.Name != "kept" {
		t.Errorf("the pin is now %+v, %v", pin, err)
	}
	if _, err := again.committed(dropped.Cid()); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("the removed pin gives %v", err)
	}
	if got := again.local(kept.Cid()); got != api.IPFSPinStatusRecursive {
		t.Errorf("the local pin is %v", got)
	}
}

func TestPinKeepsOptionsOfTheOldPin(t *testing.T) {
	r := startPeer(t, testOptions(filepath.Join(t.TempDir(), "one"), "127.0.0.1:0"))
	r.awaitReady()
	from, _ := r.addTree("from")
	to, _ := r.addTree("to")
	_, err := r.API().Pin(t.Context(), api.NewCid(from.Cid()), api.PinOptions{
		Name: "old", Metadata: map[string]string{"k": "v"}, ExpireAt: time.Now().Add(time.Hour),
		ReplicationFactorMin: -1, ReplicationFactorMax: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.pinned(from.Cid(), api.PinModeRecursive, "new", false)
	pin, err := r.committed(from.Cid())
	if err != nil || pin.Name != "new" || pin.Metadata["k"] != "v" || !pin.ExpireAt.IsZero() {
		t.Errorf("pinned again: %+v, %v", pin, err)
	}

	await, err := r.Update(t.Context(), from.Cid(), to.Cid(), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := await(t.Context()); err != nil {
		t.Errorf("await: %v", err)
	}
	pin, err = r.committed(to.Cid())
	if err != nil || pin.Name != "new" || pin.Metadata["k"] != "v" || pin.PinUpdate.Cid != from.Cid() {
		t.Errorf("updated: %+v, %v", pin, err)
	}
	if _, err := r.committed(from.Cid()); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("the old pin gives %v", err)
	}
	r.awaitLocal(from.Cid(), api.IPFSPinStatusUnpinned)
	if _, err := r.Update(t.Context(), from.Cid(), to.Cid(), false); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("update of what is not pinned: %v", err)
	}
}

// What could not be committed is not pinned here either.
func TestFailedCommitLeavesNoLocalPin(t *testing.T) {
	r := startPeer(t, testOptions(filepath.Join(t.TempDir(), "one"), "127.0.0.1:0"))
	r.awaitReady()
	root, _ := r.addTree("not committed")
	from, _ := r.addTree("from")
	r.pinned(from.Cid(), api.PinModeRecursive, "", false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Pin(ctx, root.Cid(), api.PinModeRecursive, "", false); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled pin: %v", err)
	}
	r.awaitLocal(root.Cid(), api.IPFSPinStatusUnpinned)
	if _, err := r.Update(ctx, from.Cid(), root.Cid(), true); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled update: %v", err)
	}
	r.awaitLocal(root.Cid(), api.IPFSPinStatusUnpinned)
	r.awaitLocal(from.Cid(), api.IPFSPinStatusRecursive)
	if pin, err := r.committed(root.Cid()); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("committed: %+v, %v", pin, err)
	}
}

// A pin whose commit comes true after its client was told that the outcome is unknown finds its blocks, although a garbage
// collection was faster.
func TestPinOfUnknownOutcomeKeepsItsBlocks(t *testing.T) {
	dir, addrs := t.TempDir(), freePorts(t, 2)
	a := startPeer(t, testOptions(filepath.Join(dir, "a"), addrs[0], addrs...))
	b := startPeer(t, testOptions(filepath.Join(dir, "b"), addrs[1], addrs...))
	a.awaitReady()
	b.awaitReady()
	for n := range 10 {
		root, leaf := a.addTree(fmt.Sprint("doubtful ", n))
		b.stop() // it leaves a, which leads, without a majority
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		lock := a.Node().Blockstore.PinLock(ctx)
		_, err := a.Pin(ctx, root.Cid(), api.PinModeRecursive, "", false)
		lock.Unlock(ctx)
		cancel()
		a.awaitLocal(root.Cid(), api.IPFSPinStatusUnpinned)
		if _, err := a.connector.RepoGC(t.Context()); err != nil {
			t.Fatal(err)
		}
		b = startPeer(t, testOptions(filepath.Join(dir, "b"), addrs[1], addrs...))
		a.awaitReady()
		b.awaitReady()
		if !errors.Is(err, consensus.ErrUnknownOutcome) {
			continue // a had noticed before that it does not lead
		}
		if has, err := a.Node().Blockstore.Has(t.Context(), leaf.Cid()); err != nil || !has {
			t.Errorf("the leaf is here: %t, %v", has, err)
		}
		if _, err := a.committed(root.Cid()); err == nil {
			a.awaitLocal(root.Cid(), api.IPFSPinStatusRecursive)
			b.awaitLocal(root.Cid(), api.IPFSPinStatusRecursive)
		}
		return
	}
	t.Error("no outcome was unknown")
}

// The blocks of a pin that other peers are to hold stay here until one of them has them, or nobody wants them: they may be
// nowhere else.
func TestBlocksForOthersStayUntilTheyHaveThem(t *testing.T) {
	o := testOptions(filepath.Join(t.TempDir(), "one"), "127.0.0.1:0")
	o.AckTimeout = 100 * time.Millisecond
	r := startPeer(t, o)
	r.awaitReady()
	root, leaf := r.addTree("for others")
	pin := api.PinWithOpts(api.NewCid(root.Cid()), api.PinOptions{ReplicationFactorMin: 1, ReplicationFactorMax: 1})
	pin.Allocations = append(pin.Allocations, testID(t))
	if _, err := r.commit(t.Context(), consensus.PinOp(pin)); err != nil {
		t.Fatal(err)
	}
	stays := func(want bool) {
		t.Helper()
		if _, err := r.connector.RepoGC(t.Context()); err != nil {
			t.Fatal(err)
		}
		if has, err := r.Node().Blockstore.Has(t.Context(), leaf.Cid()); err != nil || has != want {
			t.Errorf("the leaf is here: %t, %v; want %t", has, err, want)
		}
	}
	await := r.awaitHolders(pin, 0)
	stays(true)
	if err := await(t.Context()); !errors.Is(err, ErrTooFewHolders) {
		t.Errorf("await: %v", err)
	}
	stays(true)
	r.lookAtDoubts(t.Context(), time.Now())
	stays(true)
	if err := r.Unpin(t.Context(), root.Cid()); err != nil {
		t.Fatal(err)
	}
	r.lookAtDoubts(t.Context(), time.Now())
	stays(false)
}

func TestAwaitHolders(t *testing.T) {
	o := testOptions(filepath.Join(t.TempDir(), "one"), "127.0.0.1:0")
	o.AckTimeout = 100 * time.Millisecond
	r := startPeer(t, o)
	r.awaitReady()
	root, _ := r.addTree("here")
	stranger := testID(t)
	pin := api.PinWithOpts(api.NewCid(root.Cid()), api.PinOptions{ReplicationFactorMin: 1, ReplicationFactorMax: 1})
	pin.Allocations = append(pin.Allocations, stranger)

	err := r.awaitHolders(pin, 0)(t.Context())
	if !errors.Is(err, ErrTooFewHolders) || !strings.Contains(err.Error(), stranger.String()) || !strings.Contains(err.Error(), "0 of 1") {
		t.Errorf("a holder that is not there: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.awaitHolders(pin, 0)(ended); !errors.Is(err, ErrTooFewHolders) || !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled wait: %v", err)
	}
	pin.Allocations = append(pin.Allocations, r.ID())
	r.Tune(Tuning{AckReplicas: 2, AckTimeout: r.opts.AckTimeout})
	if err := r.awaitHolders(pin, 0)(t.Context()); !errors.Is(err, ErrTooFewHolders) || !strings.Contains(err.Error(), "1 of 2") {
		t.Errorf("a pin that only this peer holds: %v", err)
	}
}

func TestPeersOfOneClusterHoldEachOthersPins(t *testing.T) {
	checkLeaks(t)
	dir, addrs := t.TempDir(), freePorts(t, 2)
	a := startPeer(t, testOptions(filepath.Join(dir, "a"), addrs[0], addrs...))
	eventually(t, "the first one waits for the second", func() bool { return errors.Is(a.Ready(), errWaiting) })
	b := startPeer(t, testOptions(filepath.Join(dir, "b"), addrs[1], addrs...))
	a.awaitReady()
	b.awaitReady()
	for _, r := range []*running{a, b} {
		members, err := r.consensus.Peers(t.Context())
		if err != nil || len(members) != 2 {
			t.Errorf("members according to %s: %v, %v", r.opts.Name, members, err)
		}
	}
	if la, lb := a.Consensus().Leader, b.Consensus().Leader; la != lb {
		t.Errorf("two leaders: %s and %s", la, lb)
	}
	root, leaf := a.addTree("on one")
	a.pinned(root.Cid(), api.PinModeRecursive, "shared", false)
	if got := b.local(root.Cid()); got != api.IPFSPinStatusRecursive {
		t.Errorf("acknowledged, but the other one has %v", got)
	}
	if has, err := b.Node().Blockstore.Has(t.Context(), leaf.Cid()); err != nil || !has {
		t.Errorf("acknowledged, but the other one has no leaf: %v, %v", has, err)
	}
	if pin, err := b.committed(root.Cid()); err != nil || pin.Name != "shared" {
		t.Errorf("the other one reads %+v, %v", pin, err)
	}
	if err := b.Unpin(t.Context(), root.Cid()); err != nil {
		t.Errorf("unpin through the other one: %v", err)
	}
	if _, err := a.committed(root.Cid()); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("the removed pin gives %v", err)
	}
	a.awaitLocal(root.Cid(), api.IPFSPinStatusUnpinned)
	b.awaitLocal(root.Cid(), api.IPFSPinStatusUnpinned)
	gone := api.PinWithOpts(api.NewCid(root.Cid()), api.PinOptions{ReplicationFactorMin: 1, ReplicationFactorMax: 1})
	gone.Allocations = append(gone.Allocations, b.ID())
	if err := a.awaitHolders(gone, 0)(t.Context()); err != nil {
		t.Errorf("a pin that nobody wants any more: %v", err)
	}
}

func TestServeRefusesAWrongSecret(t *testing.T) {
	_, addr := newHost(t, testSecret(1))
	p, err := Open(t.Context(), testOptions(filepath.Join(t.TempDir(), "one"), "127.0.0.1:0", addr))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.Serve(ctx); !errors.Is(err, errSecretDiffers) || !strings.Contains(err.Error(), addr) || !strings.Contains(err.Error(), "cluster.secret") {
		t.Errorf("serve: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestOpenGivesBackWhatItHadWhenItFails(t *testing.T) {
	o := testOptions(filepath.Join(t.TempDir(), "one"), "127.0.0.1:nonsense")
	if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "cluster.listen") {
		t.Errorf("error is %v", err)
	}
	o.Listen = "127.0.0.1:0"
	startPeer(t, o).awaitReady()
}

// TestStopAtTheMomentOfReadiness: the orchestrator's own start must not meet its shutdown.
func TestStopAtTheMomentOfReadiness(t *testing.T) {
	for range 3 {
		r := startPeer(t, testOptions(filepath.Join(t.TempDir(), "one"), "127.0.0.1:0"))
		<-r.consensus.Ready(t.Context())
		r.stop()
	}
}

// TestOpenDialsNobody: whoever was known before may be gone, and an address that answers no more costs seconds.
func TestOpenDialsNobody(t *testing.T) {
	silent, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	o := testOptions(filepath.Join(t.TempDir(), "one"), "127.0.0.1:0")
	startPeer(t, o).stop()
	known := fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/p2p/%s\n", silent.Addr().(*net.TCPAddr).Port, testID(t))
	if err := os.WriteFile(filepath.Join(o.Dir, "cluster", "peerstore"), []byte(known), 0o600); err != nil {
		t.Fatal(err)
	}
	startPeer(t, o)
	if err := silent.SetDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if conn, err := silent.Accept(); err == nil {
		conn.Close()
		t.Error("the peer was open only after it had tried the address of another")
	}
}
