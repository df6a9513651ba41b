package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"
)

func TestFollowsThePinset(t *testing.T) {
	g := startRig(t)
	whole, top := g.addTree("whole"), g.addTree("top")
	g.feed.set(whole.pin(api.PinModeRecursive), top.pin(api.PinModeDirect))
	g.awaitLocal(whole.pin(0), api.IPFSPinStatusRecursive)
	g.awaitLocal(top.pin(0), api.IPFSPinStatusDirect)

	g.feed.set(whole.pin(api.PinModeDirect), top.pin(api.PinModeRecursive))
	g.awaitLocal(whole.pin(0), api.IPFSPinStatusDirect)
	g.awaitLocal(top.pin(0), api.IPFSPinStatusRecursive)

	g.feed.remove(whole.pin(0))
	g.awaitLocal(whole.pin(0), api.IPFSPinStatusUnpinned)
	if got := g.local(top.pin(0)); got != api.IPFSPinStatusRecursive {
		t.Errorf("the other pin is %v", got)
	}
	g.eventually("nothing is under way", func() bool { return g.unsettledCount() == 0 })
}

func (g *rig) unsettledCount() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.unsettled.operations)
}

func TestFetchesFromTheNodesOfOthers(t *testing.T) {
	source, g := newRig(t), startRig(t)
	tr := source.addTree("elsewhere")
	info := peer.AddrInfo{ID: source.node.Identity, Addrs: source.node.PeerHost.Addrs()}
	if err := g.node.PeerHost.Connect(t.Context(), info); err != nil {
		t.Fatal(err)
	}
	g.feed.set(tr.pin(api.PinModeRecursive))
	g.awaitLocal(tr.pin(0), api.IPFSPinStatusRecursive)
	if has, err := g.node.Blockstore.Has(t.Context(), tr.right.Cid()); err != nil || !has {
		t.Errorf("the leaf is stored: %v, %v", has, err)
	}
}

func TestScanAtStartFindsWhatDiffers(t *testing.T) {
	g := newRig(t)
	missing, extra, same, mode := g.addTree("missing"), g.addTree("extra"), g.addTree("same"), g.addTree("mode")
	for _, tr := range []tree{extra, same, mode} {
		g.pinLocally(tr.pin(api.PinModeRecursive))
	}
	g.feed.set(missing.pin(api.PinModeRecursive), same.pin(api.PinModeRecursive), mode.pin(api.PinModeDirect))
	g.feed.changes.CIDs = nil // it happened in an earlier life
	close(g.feed.ready)
	g.serve()
	g.awaitLocal(missing.pin(0), api.IPFSPinStatusRecursive)
	g.awaitLocal(extra.pin(0), api.IPFSPinStatusUnpinned)
	g.awaitLocal(mode.pin(0), api.IPFSPinStatusDirect)
	if got := g.local(same.pin(0)); got != api.IPFSPinStatusRecursive {
		t.Errorf("what was right is now %v", got)
	}
}

// TestScanChecksEveryPinOnceBeforeACollection: what a power cut took from the table of local pins must not be collected.
func TestScanChecksEveryPinOnceBeforeACollection(t *testing.T) {
	g := newRig(t)
	here, nowhere := g.addTree("here"), makeTree(t, "nowhere")
	g.feed.set(here.pin(api.PinModeRecursive), nowhere.pin(api.PinModeRecursive))
	g.feed.changes.CIDs = nil // it happened in an earlier life
	if err := g.Checked(); !errors.Is(err, ErrUnchecked) {
		t.Errorf("before the scan: %v", err)
	}
	close(g.feed.ready)
	g.serve()
	g.eventually("everything was tried", func() bool { return g.Checked() == nil })
	if got := g.local(here.pin(0)); got != api.IPFSPinStatusRecursive {
		t.Errorf("what is here is %v", got)
	}
}

// TestScanWaitsForRoom: a long list of work stays in the pinset, and all of it gets done.
func TestScanWaitsForRoom(t *testing.T) {
	g := newRig(t)
	var pins []api.Pin
	for i := range maxScanned + 3*scanPage/2 {
		content, err := multihash.Sum(fmt.Appendf(nil, "block %d", i), multihash.IDENTITY, -1)
		if err != nil {
			t.Fatal(err)
		}
		everywhere := api.PinOptions{ReplicationFactorMin: -1, ReplicationFactorMax: -1}
		pins = append(pins, api.PinWithOpts(api.NewCid(cid.NewCidV1(cid.Raw, content)), everywhere))
	}
	g.feed.set(pins...)
	g.feed.changes.CIDs = nil
	close(g.feed.ready)
	scanned := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { scanned <- g.scan(ctx) }() // nobody works
	g.eventually("the queue is full", func() bool { return g.queue.len() == maxScanned })
	cancel()
	if err := <-scanned; !errors.Is(err, context.Canceled) {
		t.Fatalf("the scan ended with %v", err)
	}
	g.serve()
	g.eventually("every pin is held", func() bool {
		return g.Checked() == nil && !slices.ContainsFunc(pins, func(pin api.Pin) bool {
			held, err := g.Reconciler.pins.Has(t.Context(), pin)
			return err != nil || !held
		})
	})
}

func TestScansAgainWhenToldThatAnythingMayHaveChanged(t *testing.T) {
	g := startRig(t)
	before, after := g.addTree("before"), g.addTree("after")
	g.feed.set(before.pin(api.PinModeRecursive))
	g.awaitLocal(before.pin(0), api.IPFSPinStatusRecursive)
	g.feed.replace(after.pin(api.PinModeRecursive))
	g.awaitLocal(after.pin(0), api.IPFSPinStatusRecursive)
	g.awaitLocal(before.pin(0), api.IPFSPinStatusUnpinned)
}

// TestTouchesNothingBeforeItHasCaughtUp relies on the feed, which fails the test when it is read too early.
func TestTouchesNothingBeforeItHasCaughtUp(t *testing.T) {
	g := newRig(t)
	kept := g.addTree("kept")
	g.pinLocally(kept.pin(api.PinModeRecursive))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	g.Hint(kept.root.Cid())
	if err := g.Serve(ctx); err != nil {
		t.Errorf("serve: %v", err)
	}
	if got := g.local(kept.pin(0)); got != api.IPFSPinStatusRecursive {
		t.Errorf("the local pin is %v", got)
	}
}

func TestLeavesRemotePinsAlone(t *testing.T) {
	source, g := newRig(t), startRig(t)
	elsewhere, moved, wanted := source.addTree("elsewhere"), g.addTree("moved"), g.addTree("wanted")
	info := peer.AddrInfo{ID: source.node.Identity, Addrs: source.node.PeerHost.Addrs()}
	if err := g.node.PeerHost.Connect(t.Context(), info); err != nil {
		t.Fatal(err)
	}
	g.feed.set(moved.pinOn(self))
	g.awaitLocal(moved.pin(0), api.IPFSPinStatusRecursive)

	g.feed.set(elsewhere.pinOn(other), moved.pinOn(other), wanted.pinOn(self))
	g.awaitLocal(moved.pin(0), api.IPFSPinStatusUnpinned)
	g.awaitLocal(wanted.pin(0), api.IPFSPinStatusRecursive)
	g.eventually("nothing is under way", func() bool { return g.unsettledCount() == 0 })
	for name, n := range map[string]tree{"root": elsewhere} {
		if has, err := g.node.Blockstore.Has(t.Context(), n.root.Cid()); err != nil || has {
			t.Errorf("the %s of a remote pin is stored: %v, %v", name, has, err)
		}
	}
	if got := g.status(elsewhere.pin(0)).Status; got != api.TrackerStatusRemote {
		t.Errorf("status is %v", got)
	}
}

func TestFailedPinIsRetried(t *testing.T) {
	g := startRig(t)
	tr := g.addTree("damaged")
	mend := g.damage(tr.left)
	pin := tr.pin(api.PinModeRecursive)
	g.feed.set(pin)
	g.eventually("a second attempt fails", func() bool {
		info := g.status(pin)
		return info.Status == api.TrackerStatusPinError && info.AttemptCount >= 2 && info.Error != ""
	})
	mend()
	g.awaitLocal(pin, api.IPFSPinStatusRecursive)
	g.eventually("the failure is forgotten", func() bool {
		info := g.status(pin)
		return info.Status == api.TrackerStatusPinned && info.AttemptCount == 0 && info.Error == ""
	})
}

// failForLong makes the next planned attempt so late that no test sees it.
func (g *rig) failForLong(pin api.Pin) {
	g.t.Helper()
	g.mu.Lock()
	g.unsettled.set(pin.Cid.Cid, operation{attempts: 15})
	g.mu.Unlock()
	g.feed.set(pin)
	g.eventually("the attempt fails", func() bool { return g.status(pin).Status == api.TrackerStatusPinError })
}

func TestRecoverRetriesNow(t *testing.T) {
	g := startRig(t)
	tr := g.addTree("damaged")
	mend := g.damage(tr.left)
	pin := tr.pin(api.PinModeRecursive)
	g.failForLong(pin)
	mend()
	info, err := g.tracker.Recover(t.Context(), pin.Cid)
	if err != nil || info.Status == api.TrackerStatusPinError {
		t.Errorf("recovering gives %v, %v", info.Status, err)
	}
	g.awaitLocal(pin, api.IPFSPinStatusRecursive)
}

func TestRecoverAllRetriesWhatFailed(t *testing.T) {
	g := startRig(t)
	bad, good := g.addTree("damaged"), g.addTree("good")
	mend := g.damage(bad.left)
	g.feed.set(good.pin(api.PinModeRecursive))
	g.awaitLocal(good.pin(0), api.IPFSPinStatusRecursive)
	g.failForLong(bad.pin(api.PinModeRecursive))
	mend()
	infos, err := collect(func(out chan<- api.PinInfo) error { return g.tracker.RecoverAll(t.Context(), out) })
	if err != nil || len(infos) != 1 || infos[0].Cid.Cid != bad.root.Cid() {
		t.Errorf("recovered %v, %v", infos, err)
	}
	g.awaitLocal(bad.pin(0), api.IPFSPinStatusRecursive)
}
