package ipfs

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	pinner "github.com/ipfs/boxo/pinning/pinner"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"

	kuboconfig "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/peer/ipfs/blockfiles"
)

// Every part of kubo must see the pins that we keep, whatever the node announces.
func TestNodeUsesOurPinner(t *testing.T) {
	for _, strategy := range []string{"all", "pinned", "roots", "pinned+mfs"} {
		node := openNode(t, t.TempDir()+"/ipfs", func(conf *kuboconfig.Config) error {
			conf.Provide.Strategy = kuboconfig.NewOptionalString(strategy)
			return nil
		})
		tr := addTree(t, node, strategy)
		if err := newPins(t, node).Pin(t.Context(), pinOf(tr.root, api.PinModeRecursive)); err != nil {
			t.Fatal(err)
		}
		if how, is, err := node.Pinning.IsPinned(t.Context(), tr.left.Cid()); err != nil || !is || how != tr.root.Cid().String() {
			t.Errorf("%s: the leaf is pinned by %q, %t, %v", strategy, how, is, err)
		}
		closeNode(t, node)
	}
}

func TestNothingIsCollectedBeforeTheCheck(t *testing.T) {
	conn, node := newConnector(t)
	tr := addTree(t, node, "wanted, but not in the table")
	unchecked := errors.New("not checked yet")
	conn.pins.CollectOnlyIf(func() error { return unchecked })
	report, err := conn.RepoGC(t.Context())
	said := err != nil
	for _, k := range report.Keys {
		said = said || k.Error != ""
	}
	if !said || !stored(t, node, tr.root.Cid())[0] {
		t.Errorf("collected %+v, %v", report, err)
	}
	conn.pins.CollectOnlyIf(func() error { return nil })
	if _, err := conn.RepoGC(t.Context()); err != nil || stored(t, node, tr.root.Cid())[0] {
		t.Errorf("did not collect, %v", err)
	}
}

// The operations that no part of this program uses do what their interface says.
func TestLocalPinnerByItself(t *testing.T) {
	node := newNode(t)
	p := node.Pinning
	one, two := addTree(t, node, "one"), addTree(t, node, "two")
	modeOf := func(c cid.Cid) pinner.Mode {
		t.Helper()
		got, err := p.CheckIfPinned(t.Context(), c)
		if err != nil || len(got) != 1 {
			t.Fatalf("%v, %v", got, err)
		}
		return got[0].Mode
	}
	check := func(name string, err error, fails bool, wantOne, wantTwo pinner.Mode) {
		t.Helper()
		if (err != nil) != fails || modeOf(one.root.Cid()) != wantOne || modeOf(two.root.Cid()) != wantTwo {
			t.Errorf("%s: %v; pins are %v and %v", name, err, modeOf(one.root.Cid()), modeOf(two.root.Cid()))
		}
	}
	check("unpin nothing", p.Unpin(t.Context(), one.root.Cid(), true), true, pinner.NotPinned, pinner.NotPinned)
	check("direct", p.Pin(t.Context(), one.root, false, ""), false, pinner.Direct, pinner.NotPinned)
	check("update of a direct pin", p.Update(t.Context(), one.root.Cid(), two.root.Cid(), true), true, pinner.Direct, pinner.NotPinned)
	check("recursive", p.Pin(t.Context(), one.root, true, ""), false, pinner.Recursive, pinner.NotPinned)
	check("unpin directly", p.Unpin(t.Context(), one.root.Cid(), false), true, pinner.Recursive, pinner.NotPinned)
	check("copy", p.Update(t.Context(), one.root.Cid(), two.root.Cid(), false), false, pinner.Recursive, pinner.Recursive)
	check("update", p.Update(t.Context(), one.root.Cid(), two.root.Cid(), true), false, pinner.NotPinned, pinner.Recursive)
	check("indirect", p.PinWithMode(t.Context(), one.root.Cid(), pinner.Indirect, ""), true, pinner.NotPinned, pinner.Recursive)
	check("unpin", p.Unpin(t.Context(), two.root.Cid(), true), false, pinner.NotPinned, pinner.NotPinned)
}

func TestClosedPinnerSaysSo(t *testing.T) {
	node := newNode(t)
	p := node.Pinning
	for _, name := range []string{"a", "b", "c"} {
		if err := p.Pin(t.Context(), addTree(t, node, name).root, true, ""); err != nil {
			t.Fatal(err)
		}
	}
	abandoned := p.RecursiveKeys(t.Context(), false) // nobody reads on, which must not hold up the close
	if first := <-abandoned; first.Err != nil {
		t.Fatal(first.Err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.IsPinned(t.Context(), cid.Undef); !errors.Is(err, pinner.ErrClosed) {
		t.Errorf("IsPinned: %v", err)
	}
	if last := <-p.DirectKeys(t.Context(), false); !errors.Is(last.Err, pinner.ErrClosed) {
		t.Errorf("DirectKeys: %v", last.Err)
	}
	if err := p.Flush(t.Context()); !errors.Is(err, pinner.ErrClosed) {
		t.Errorf("Flush: %v", err)
	}
}

// What is held survives a collection although nothing pins it, for as long as somebody holds it.
func TestHoldOutlastsACollection(t *testing.T) {
	conn, node := newConnector(t)
	tr := addTree(t, node, "held")
	first, second := conn.pins.Hold(pinOf(tr.root, api.PinModeRecursive)), conn.pins.Hold(pinOf(tr.root, api.PinModeRecursive))
	for i, release := range []func(){first, second, func() {}} {
		if _, err := conn.RepoGC(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := stored(t, node, tr.left.Cid())[0], i < 2; got != want {
			t.Errorf("with %d holds released: stored %t", i, got)
		}
		release()
		release() // once more does nothing
	}
	if err := conn.pins.Each(t.Context(), func(c cid.Cid, _ api.IPFSPinStatus) error {
		t.Errorf("%s is listed as a pin", c)
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// When blocks can no longer be stored, the next pin ends the process; other failures do not.
func TestFailedBlocksAreReported(t *testing.T) {
	_, node := newConnector(t)
	table := newPinTable(dssync.MutexWrap(datastore.NewMapDatastore()))
	var failure error
	p := newLocalPinner(table, node.DAG, func(context.Context) error { return failure })
	var lost error
	report := func(err error) { lost = err }
	p.lost.Store(&report)
	c := addTree(t, node, "failing").root.Cid()
	for _, c2 := range []struct {
		failure error
		lost    bool
	}{{nil, false}, {context.Canceled, false}, {fmt.Errorf("sync: %w", blockfiles.ErrFailed), true}} {
		failure, lost = c2.failure, nil
		if err := p.PinWithMode(t.Context(), c, pinner.Recursive, ""); !errors.Is(err, failure) {
			t.Errorf("pin with %v: %v", failure, err)
		}
		if (lost != nil) != c2.lost {
			t.Errorf("after %v was told %v", failure, lost)
		}
	}
}
