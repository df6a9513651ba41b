package swap

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/ipld/merkledag"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// wider is the wider network: it has the blocks that a test gives it, and remembers what it was asked for.
type wider struct {
	mu    sync.Mutex
	has   map[cid.Cid]blocks.Block
	asked []cid.Cid
}

func (w *wider) GetBlock(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	w.mu.Lock()
	w.asked = append(w.asked, c)
	block := w.has[c]
	w.mu.Unlock()
	if block != nil {
		return block, nil
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (w *wider) GetBlocks(ctx context.Context, cids []cid.Cid) (<-chan blocks.Block, error) {
	out := make(chan blocks.Block, len(cids))
	defer close(out)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range cids {
		w.asked = append(w.asked, c)
		if block := w.has[c]; block != nil {
			out <- block
		}
	}
	return out, nil
}

func (*wider) NotifyNewBlocks(context.Context, ...blocks.Block) error { return nil }
func (*wider) Close() error                                           { return nil }

func (w *wider) add(list ...blocks.Block) {
	for _, b := range list {
		w.has[b.Cid()] = b
	}
}

func (w *wider) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.asked)
}

// node is one exchange with what is around it.
type node struct {
	*Exchange
	host  host.Host
	store blockstore.Blockstore
	wider *wider
}

func newNode(t testing.TB) *node {
	t.Helper()
	h := newHost(t)
	n := &node{host: h, wider: &wider{has: make(map[cid.Cid]blocks.Block)}}
	n.store = blockstore.NewBlockstore(dssync.MutexWrap(datastore.NewMapDatastore()))
	n.Exchange = New(h, n.store, n.wider)
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func newHost(t testing.TB) host.Host {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func connect(t testing.TB, a, b host.Host) {
	t.Helper()
	if err := a.Connect(t.Context(), peer.AddrInfo{ID: b.ID(), Addrs: b.Addrs()}); err != nil {
		t.Fatal(err)
	}
}

// newCluster makes nodes that are members of each other's cluster.
func newCluster(t testing.TB, size int) []*node {
	t.Helper()
	var nodes []*node
	for range size {
		n := newNode(t)
		for _, other := range nodes {
			connect(t, n.host, other.host)
			n.Admit(other.host.ID())
			other.Admit(n.host.ID())
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// newFake makes a node with a member that answers its streams as the handler does.
func newFake(t testing.TB, handler func(network.Stream)) *node {
	t.Helper()
	n, h := newNode(t), newHost(t)
	h.SetStreamHandler(Protocol, handler)
	connect(t, n.host, h)
	n.Admit(h.ID())
	return n
}

func makeBlocks(n, size int) []blocks.Block {
	out := make([]blocks.Block, n)
	for i := range out {
		content := make([]byte, size)
		content[0], content[1] = byte(i), byte(i>>8)
		out[i] = merkledag.NewRawNode(content)
	}
	return out
}

func cidsOf(list []blocks.Block) []cid.Cid {
	out := make([]cid.Cid, len(list))
	for i, b := range list {
		out[i] = b.Cid()
	}
	return out
}

func (n *node) put(t testing.TB, list ...blocks.Block) {
	t.Helper()
	if err := n.store.PutMany(t.Context(), list); err != nil {
		t.Fatal(err)
	}
}

// get fetches one block within a time that no wait may exceed.
func (n *node) get(t testing.TB, c cid.Cid) (blocks.Block, time.Duration, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	began := time.Now()
	block, err := n.GetBlock(ctx, c)
	return block, time.Since(began), err
}

// hang reads what is asked and never answers.
func hang(s network.Stream) { _, _ = io.Copy(io.Discard, s) }
