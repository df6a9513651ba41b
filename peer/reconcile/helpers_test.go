package reconcile

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/ipfs/boxo/ipld/merkledag"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/ipfs/kubo/core"
	"github.com/libp2p/go-libp2p/core/peer"

	kuboconfig "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/testkit"
	"github.com/underlay/underlay/peer/ipfs"
	"github.com/underlay/underlay/peer/ipfs/ipfstest"
)

const (
	self  = peer.ID("this peer")
	other = peer.ID("another peer")
)

// patience bounds what the tests wait for; it is long, so that a loaded machine does not fail them.
const patience = 20 * time.Second

// feed is a pinset in a map. Whoever looks at it before it is ready fails the test.
type feed struct {
	consensus.Pins // nil: what the reconciler has no use for

	t     testing.TB
	ready chan struct{}

	mu      sync.Mutex
	pins    map[cid.Cid]api.Pin
	changes consensus.Changes
	applied uint64
	news    chan struct{} // closed by the next change
}

func newFeed(t testing.TB) *feed {
	return &feed{t: t, ready: make(chan struct{}), pins: make(map[cid.Cid]api.Pin), news: make(chan struct{})}
}

func (f *feed) change(edit func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	edit()
	f.applied++
	close(f.news)
	f.news = make(chan struct{})
}

func (f *feed) set(pins ...api.Pin) {
	f.change(func() {
		for _, pin := range pins {
			f.pins[pin.Cid.Cid] = pin
			f.changes.CIDs = append(f.changes.CIDs, pin.Cid)
		}
	})
}

func (f *feed) remove(pin api.Pin) {
	f.change(func() {
		delete(f.pins, pin.Cid.Cid)
		f.changes.CIDs = append(f.changes.CIDs, pin.Cid)
	})
}

// replace makes the pinset anew, as a restored snapshot does: nobody is told what has changed.
func (f *feed) replace(pins ...api.Pin) {
	f.change(func() {
		clear(f.pins)
		for _, pin := range pins {
			f.pins[pin.Cid.Cid] = pin
		}
		f.changes = consensus.Changes{All: true}
	})
}

func (f *feed) index() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.applied
}

func (f *feed) Ready(context.Context) <-chan struct{} { return f.ready }

func (f *feed) Local() consensus.Pins {
	select {
	case <-f.ready:
	default:
		f.t.Error("the state was read before the peer had caught up")
	}
	return f
}

// until waits for cond, which is called with the lock held.
func (f *feed) until(ctx context.Context, cond func() bool) error {
	for {
		f.mu.Lock()
		ok, news := cond(), f.news
		f.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *feed) Next(ctx context.Context) (changes consensus.Changes, err error) {
	err = f.until(ctx, func() bool {
		changes, f.changes = f.changes, consensus.Changes{}
		return changes.All || len(changes.CIDs) > 0
	})
	return changes, err
}

func (f *feed) WaitApplied(ctx context.Context, index uint64) error {
	return f.until(ctx, func() bool { return f.applied >= index })
}

func (f *feed) Get(_ context.Context, c api.Cid) (api.Pin, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if pin, ok := f.pins[c.Cid]; ok {
		return pin, nil
	}
	return api.Pin{}, fmt.Errorf("get pin: %w", state.ErrNotFound)
}

func (f *feed) Has(_ context.Context, c api.Cid) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.pins[c.Cid]
	return ok, nil
}

// Scan yields the pins in the order of their CIDs, which are the cursors.
func (f *feed) Scan(_ context.Context, q consensus.Query, yield func(api.Pin) error) (next string, err error) {
	f.mu.Lock()
	pins := slices.SortedFunc(maps.Values(f.pins), func(a, b api.Pin) int { return strings.Compare(a.Cid.String(), b.Cid.String()) })
	f.mu.Unlock()
	taken := 0
	for _, pin := range pins {
		switch {
		case pin.Cid.String() <= q.After:
			continue
		case taken == q.Limit:
			return next, nil
		}
		if err := yield(pin); err != nil {
			return next, err
		}
		taken, next = taken+1, pin.Cid.String()
	}
	return "", nil
}

// rig is a reconciler on a real node.
type rig struct {
	*Reconciler
	tracker Tracker
	feed    *feed
	node    *core.IpfsNode
	pins    *ipfs.Pins
	dir     string
	t       testing.TB
}

// newRig makes a reconciler that does not work yet.
func newRig(t testing.TB) *rig {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ipfs")
	node := ipfstest.Open(t, dir, func(conf *kuboconfig.Config) error {
		conf.Datastore.HashOnRead = true // the tests damage blocks
		return nil
	})
	pins, err := ipfs.NewPins(node)
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{feed: newFeed(t), node: node, pins: pins, dir: dir, t: t}
	g.Reconciler = New(Options{
		ID: self, Name: "one", Node: node, Pins: g.pins, Feed: g.feed, Workers: 2, Logger: slog.New(slog.DiscardHandler),
	})
	g.tracker = Tracker{g.Reconciler}
	return g
}

// startRig makes a reconciler that works on the pinset until the test ends.
func startRig(t testing.TB) *rig {
	t.Helper()
	g := newRig(t)
	close(g.feed.ready)
	g.serve()
	return g
}

func (g *rig) serve() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Serve(ctx) }()
	g.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			g.t.Errorf("serve: %v", err)
		}
	})
}

// eventually polls until ok holds.
func (g *rig) eventually(what string, ok func() bool) {
	g.t.Helper()
	testkit.Eventually(g.t, patience, what, ok)
}

func (g *rig) local(pin api.Pin) api.IPFSPinStatus {
	g.t.Helper()
	status, err := g.pins.Status(g.t.Context(), pin.Cid.Cid)
	if err != nil {
		g.t.Fatalf("look up local pin: %v", err)
	}
	return status
}

func (g *rig) awaitLocal(pin api.Pin, want api.IPFSPinStatus) {
	g.t.Helper()
	g.eventually(fmt.Sprintf("local pin of %s is %v", pin.Name, want), func() bool { return g.local(pin) == want })
}

func (g *rig) status(pin api.Pin) api.PinInfo { return g.tracker.Status(g.t.Context(), pin.Cid) }

// pinLocally pins on the node behind the reconciler's back.
func (g *rig) pinLocally(pin api.Pin) {
	g.t.Helper()
	if err := g.pins.Pin(g.t.Context(), pin); err != nil {
		g.t.Fatalf("pin locally: %v", err)
	}
}

// tree is a root with two leaves.
type tree struct{ root, left, right *merkledag.ProtoNode }

func makeTree(t testing.TB, name string) tree {
	t.Helper()
	root, left, right := testkit.Tree(t, name)
	return tree{root, left, right}
}

// pin is a pin of the tree on every peer.
func (tr tree) pin(mode api.PinMode) api.Pin {
	return api.PinWithOpts(api.NewCid(tr.root.Cid()), api.PinOptions{
		Name: string(tr.root.Data()), Mode: mode, ReplicationFactorMin: -1, ReplicationFactorMax: -1,
	})
}

// pinOn is a pin of the tree on one peer.
func (tr tree) pinOn(id peer.ID) api.Pin {
	pin := tr.pin(api.PinModeRecursive)
	pin.ReplicationFactorMin, pin.ReplicationFactorMax, pin.Allocations = 1, 1, []peer.ID{id}
	return pin
}

func (g *rig) add(nodes ...ipld.Node) {
	g.t.Helper()
	if err := g.node.DAG.AddMany(g.t.Context(), nodes); err != nil {
		g.t.Fatalf("store blocks: %v", err)
	}
}

// addTree stores a tree on the node.
func (g *rig) addTree(name string) tree {
	g.t.Helper()
	tr := makeTree(g.t, name)
	g.add(tr.root, tr.left, tr.right)
	return tr
}

// damage stores other content in place of a block's, and returns how to mend it.
func (g *rig) damage(n ipld.Node) (mend func()) {
	g.t.Helper()
	write := func(data []byte) {
		block, err := blocks.NewBlockWithCid(data, n.Cid())
		if err == nil {
			err = g.node.Blockstore.DeleteBlock(g.t.Context(), n.Cid())
		}
		if err == nil {
			err = g.node.Blockstore.Put(g.t.Context(), block)
		}
		if err != nil {
			g.t.Fatalf("write block: %v", err)
		}
	}
	write([]byte("damaged"))
	return func() { write(n.RawData()) }
}
