package itest

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/boxo/ipld/unixfs/hamt"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"
)

// carFile gathers nodes into a CAR. As a DAG service it only ever stores.
type carFile struct {
	ipld.DAGService
	sections bytes.Buffer
	seen     map[cid.Cid]bool
}

// Add implements ipld.NodeAdder.
func (c *carFile) Add(_ context.Context, node ipld.Node) error {
	if c.seen[node.Cid()] {
		return nil
	}
	c.seen[node.Cid()] = true
	return writeNode(&c.sections, node)
}

// AddMany implements ipld.NodeAdder.
func (c *carFile) AddMany(ctx context.Context, nodes []ipld.Node) (err error) {
	for _, node := range nodes {
		err = errors.Join(err, c.Add(ctx, node))
	}
	return err
}

// importFile sends a CAR to the peer, which pins nothing of it, and returns the root's CID.
func (x *Target) importFile(c *carFile, root ipld.Node) string {
	x.t.Helper()
	raw := root.Cid().Bytes()
	header := append([]byte("\xa2\x65roots\x81\xd8\x2a\x58"), byte(len(raw)+1), 0) // {"roots": [root], "version": 1} in CBOR
	header = append(append(header, raw...), "\x67version\x01"...)
	var whole bytes.Buffer
	if err := writeSection(&whole, header); err != nil {
		x.t.Fatal(err)
	}
	whole.Write(c.sections.Bytes())
	if _, err := x.Upload("dag/import?pin-roots=false", whole.Bytes()); err != nil {
		x.t.Fatal(err)
	}
	return root.Cid().String()
}

// importSharded stores a directory with n entries, entry-0 and so on.
func (x *Target) importSharded(n int) string {
	x.t.Helper()
	c := &carFile{seen: make(map[cid.Cid]bool)}
	leaf := merkledag.NewRawNode([]byte("leaf"))
	err := c.Add(x.t.Context(), leaf)
	shard, failed := hamt.NewShard(c, 256)
	if err = errors.Join(err, failed); err != nil {
		x.t.Fatal(err)
	}
	shard.SetCidBuilder(cid.V1Builder{Codec: cid.DagProtobuf, MhType: multihash.SHA2_256})
	for i := range n {
		if err := shard.Set(x.t.Context(), fmt.Sprintf("entry-%d", i), leaf); err != nil {
			x.t.Fatal(err)
		}
	}
	root, err := shard.Node()
	if err = errors.Join(err, c.Add(x.t.Context(), root)); err != nil {
		x.t.Fatal(err)
	}
	return x.importFile(c, root)
}

// importChain stores directories within each other, each named a.
func (x *Target) importChain(depth int) string {
	x.t.Helper()
	c := &carFile{seen: make(map[cid.Cid]bool)}
	var node ipld.Node = merkledag.NewRawNode([]byte("the bottom"))
	err := c.Add(x.t.Context(), node)
	for range depth {
		dir := merkledag.NodeWithData(unixfs.FolderPBData())
		err = errors.Join(err, dir.SetCidBuilder(cid.V1Builder{Codec: cid.DagProtobuf, MhType: multihash.SHA2_256}),
			dir.AddNodeLink("a", node), c.Add(x.t.Context(), dir))
		node = dir
	}
	if err != nil {
		x.t.Fatal(err)
	}
	return x.importFile(c, node)
}
