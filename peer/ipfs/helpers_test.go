package ipfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/ipfs/kubo/core"
	"github.com/libp2p/go-libp2p/core/peer"

	kuboconfig "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/internal/testkit"
)

// onLoopback keeps a test's node off every network.
func onLoopback(conf *kuboconfig.Config) error {
	conf.Addresses.Swarm = []string{"/ip4/127.0.0.1/tcp/0"}
	return nil
}

// openNode opens a private node on dir. It is closed at the end of the test, if closeNode has not done so before.
func openNode(t testing.TB, dir string, configure ...func(*kuboconfig.Config) error) *core.IpfsNode {
	t.Helper()
	all := func(conf *kuboconfig.Config) error {
		err := onLoopback(conf)
		for _, f := range configure {
			err = errors.Join(err, f(conf))
		}
		return err
	}
	node, err := Open(context.Background(), Options{Dir: dir, Configure: all, CloseTimeout: 10 * time.Second})
	if err != nil {
		t.Fatalf("open node: %v", err)
	}
	t.Cleanup(func() { closeNode(t, node) })
	return node
}

func newNode(t testing.TB) *core.IpfsNode {
	t.Helper()
	return openNode(t, t.TempDir()+"/ipfs")
}

func newPins(t testing.TB, node *core.IpfsNode) *Pins {
	t.Helper()
	pins, err := NewPins(node)
	if err != nil {
		t.Fatal(err)
	}
	return pins
}

func closeNode(t testing.TB, node *core.IpfsNode) {
	t.Helper()
	if err := Close(node); err != nil {
		t.Errorf("close node: %v", err)
	}
}

func nodeSettings(t testing.TB, node *core.IpfsNode) *kuboconfig.Config {
	t.Helper()
	conf, err := node.Repo.Config()
	if err != nil {
		t.Fatalf("read configuration: %v", err)
	}
	return conf
}

// connect joins two nodes.
func connect(t testing.TB, a, b *core.IpfsNode) {
	t.Helper()
	if err := a.PeerHost.Connect(t.Context(), peer.AddrInfo{ID: b.Identity, Addrs: b.PeerHost.Addrs()}); err != nil {
		t.Fatalf("connect nodes: %v", err)
	}
}

// tree is a root with two leaves below it.
type tree struct{ root, left, right *merkledag.ProtoNode }

// makeTree makes a tree that differs from those of other names.
func makeTree(t testing.TB, name string) tree {
	t.Helper()
	root, left, right := testkit.Tree(t, name)
	return tree{root, left, right}
}

func (tr tree) nodes() []ipld.Node { return []ipld.Node{tr.root, tr.left, tr.right} }

// addTree makes a tree and stores it on the node.
func addTree(t testing.TB, node *core.IpfsNode, name string) tree {
	t.Helper()
	tr := makeTree(t, name)
	if err := node.DAG.AddMany(t.Context(), tr.nodes()); err != nil {
		t.Fatalf("store tree: %v", err)
	}
	return tr
}

func pinOf(n ipld.Node, mode api.PinMode) api.Pin {
	return api.PinWithOpts(api.NewCid(n.Cid()), api.PinOptions{Mode: mode})
}

// stored tells which of the blocks the node itself has.
func stored(t testing.TB, node *core.IpfsNode, cids ...cid.Cid) []bool {
	t.Helper()
	has := make([]bool, len(cids))
	for i, c := range cids {
		var err error
		if has[i], err = node.Blockstore.Has(t.Context(), c); err != nil {
			t.Fatalf("look for block: %v", err)
		}
	}
	return has
}

// rawBlocks makes n different blocks.
func rawBlocks(n int) []*merkledag.RawNode {
	out := make([]*merkledag.RawNode, n)
	for i := range out {
		out[i] = merkledag.NewRawNode(bytes.Repeat([]byte(fmt.Sprintf("block %d ", i)), 20))
	}
	return out
}

// within bounds a step that must not hang.
func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
