package ipfs

import (
	"errors"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
)

func withMeta(n *merkledag.RawNode) api.NodeWithMeta {
	return api.NodeWithMeta{Cid: api.NewCid(n.Cid()), Data: n.RawData()}
}

// streamBlocks hands the blocks over one by one, as the orchestrator does, and fails the test when the sender hangs.
func streamBlocks(t testing.TB, conn *Connector, nodes []api.NodeWithMeta) error {
	t.Helper()
	ctx := within(t, 20*time.Second)
	in, done := make(chan api.NodeWithMeta), make(chan error, 1)
	go func() { done <- conn.BlockStream(ctx, in) }()
	for i, n := range nodes {
		select {
		case in <- n:
		case <-ctx.Done():
			t.Fatalf("the sender hangs at block %d of %d", i, len(nodes))
		}
	}
	close(in)
	return <-done
}

func TestBlockStreamStoresEveryBlock(t *testing.T) {
	conn, node := newConnector(t)
	for _, count := range []int{0, 1, putBatch, 2*putBatch + 3} {
		var nodes []api.NodeWithMeta
		for _, n := range rawBlocks(count) {
			nodes = append(nodes, withMeta(n))
		}
		if err := streamBlocks(t, conn, nodes); err != nil {
			t.Fatalf("%d blocks: %v", count, err)
		}
		for _, n := range nodes {
			block, err := node.Blockstore.Get(t.Context(), n.Cid.Cid)
			if err != nil || string(block.RawData()) != string(n.Data) {
				t.Fatalf("block %s of %d: %v", n.Cid, count, err)
			}
		}
	}
}

func TestBlockStreamRefusesALyingCID(t *testing.T) {
	for _, r := range []struct {
		name string
		lie  func(*api.NodeWithMeta)
	}{
		{"other content", func(n *api.NodeWithMeta) { n.Data = []byte("something else") }},
		{"no content", func(n *api.NodeWithMeta) { n.Data = nil }},
		{"identity hash of something else", func(n *api.NodeWithMeta) {
			sum, err := cid.Prefix{Version: 1, Codec: cid.Raw, MhType: 0, MhLength: -1}.Sum([]byte("inline"))
			if err != nil {
				t.Fatal(err)
			}
			n.Cid = api.NewCid(sum)
		}},
	} {
		t.Run(r.name, func(t *testing.T) {
			conn, node := newConnector(t)
			blocks := rawBlocks(3 * putBatch)
			nodes := make([]api.NodeWithMeta, len(blocks))
			for i, n := range blocks {
				nodes[i] = withMeta(n)
			}
			liar := putBatch + 5
			r.lie(&nodes[liar])
			if err := streamBlocks(t, conn, nodes); !errors.Is(err, errBlockMismatch) {
				t.Errorf("error is %v", err)
			}
			if stored(t, node, blocks[liar].Cid())[0] {
				t.Error("the block is stored")
			}
			if err := streamBlocks(t, conn, []api.NodeWithMeta{withMeta(blocks[liar])}); err != nil {
				t.Errorf("the connector takes no more blocks: %v", err)
			}
		})
	}
}
