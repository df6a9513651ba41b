package gatewayspec

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/ipfs/boxo/blockservice"
	blockstore "github.com/ipfs/boxo/blockstore"
	chunk "github.com/ipfs/boxo/chunker"
	"github.com/ipfs/boxo/exchange/offline"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/boxo/ipld/unixfs/hamt"
	"github.com/ipfs/boxo/ipld/unixfs/importer/balanced"
	"github.com/ipfs/boxo/ipld/unixfs/importer/helpers"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"
)

// Codecs of plain data.
const (
	codecJSON    = 0x0200
	codecCBOR    = 0x51
	codecDagJSON = 0x0129
	codecDagCBOR = 0x71
)

// maker builds DAGs in memory.
type maker struct {
	dags  ipld.DAGService
	store *recorder
}

func newMaker() maker {
	store := &recorder{Blockstore: blockstore.NewBlockstore(dssync.MutexWrap(datastore.NewMapDatastore()))}
	return maker{merkledag.NewDAGService(blockservice.New(store, offline.Exchange(store))), store}
}

// recorder remembers what is put into it by CID: a blockstore knows only hashes.
type recorder struct {
	blockstore.Blockstore
	put []blocks.Block
}

// Put implements blockstore.Blockstore.
func (r *recorder) Put(ctx context.Context, b blocks.Block) error {
	r.put = append(r.put, b)
	return r.Blockstore.Put(ctx, b)
}

// PutMany implements blockstore.Blockstore.
func (r *recorder) PutMany(ctx context.Context, all []blocks.Block) error {
	r.put = append(r.put, all...)
	return r.Blockstore.PutMany(ctx, all)
}

func cidV1() cid.Builder { return cid.V1Builder{Codec: cid.DagProtobuf, MhType: multihash.SHA2_256} }

// file stores content in blocks of this size.
func (m maker) file(content []byte, size int64) (ipld.Node, error) {
	params := helpers.DagBuilderParams{Maxlinks: helpers.DefaultLinksPerBlock, RawLeaves: true, CidBuilder: cidV1(), Dagserv: m.dags}
	builder, err := params.New(chunk.NewSizeSplitter(bytes.NewReader(content), size))
	if err != nil {
		return nil, err
	}
	return balanced.Layout(builder)
}

// symlink leads to a path relative to its directory.
func (m maker) symlink(to string) (ipld.Node, error) {
	data, err := unixfs.SymlinkData(to)
	if err != nil {
		return nil, err
	}
	node := merkledag.NodeWithData(data)
	if err := node.SetCidBuilder(cidV1()); err != nil {
		return nil, err
	}
	return node, m.dags.Add(context.Background(), node)
}

// dir stores a directory; an entry is text, bytes or a node.
func (m maker) dir(entries map[string]any) (ipld.Node, error) {
	node := unixfs.EmptyDirNode()
	if err := node.SetCidBuilder(cidV1()); err != nil {
		return nil, err
	}
	for name, entry := range entries {
		child, err := m.entry(entry)
		if err == nil {
			err = node.AddNodeLink(name, child)
		}
		if err != nil {
			return nil, fmt.Errorf("make %s: %w", name, err)
		}
	}
	return node, m.dags.Add(context.Background(), node)
}

func (m maker) entry(e any) (ipld.Node, error) {
	switch e := e.(type) {
	case string:
		return m.file([]byte(e), 256<<10)
	case []byte:
		return m.file(e, 1000)
	case ipld.Node:
		return e, nil
	}
	return nil, fmt.Errorf("cannot store %T", e)
}

// sharded stores a directory of n files in a HAMT.
func (m maker) sharded(n int) (ipld.Node, error) {
	shard, err := hamt.NewShard(m.dags, 16)
	if err != nil {
		return nil, err
	}
	shard.SetCidBuilder(cidV1())
	for i := range n {
		child, err := m.file(fmt.Appendf(nil, "file %d", i), 1000)
		if err == nil {
			err = shard.Set(context.Background(), fmt.Sprintf("%03d.txt", i), child)
		}
		if err != nil {
			return nil, err
		}
	}
	node, err := shard.Node()
	if err != nil {
		return nil, err
	}
	return node, m.dags.Add(context.Background(), node)
}

// data stores one block as it is.
func (m maker) data(codec uint64, content []byte) (cid.Cid, error) {
	c, err := cid.V1Builder{Codec: codec, MhType: multihash.SHA2_256}.Sum(content)
	if err != nil {
		return c, err
	}
	block, err := blocks.NewBlockWithCid(content, c)
	if err != nil {
		return c, err
	}
	return c, m.store.Put(context.Background(), block)
}

// cborLink is a link as DAG-CBOR writes it.
func cborLink(c cid.Cid) []byte {
	raw := append([]byte{0}, c.Bytes()...)
	return append([]byte{0xd8, 0x2a, 0x58, byte(len(raw))}, raw...)
}

// writeCAR puts blocks into a CAR of version 1.
func writeCAR(root cid.Cid, all []blocks.Block) []byte {
	var out bytes.Buffer
	section := func(parts ...[]byte) {
		content := bytes.Join(parts, nil)
		out.Write(binary.AppendUvarint(nil, uint64(len(content))))
		out.Write(content)
	}
	section([]byte("\xa2\x65roots\x81"), cborLink(root), []byte("\x67version\x01"))
	for _, b := range all {
		section(b.Cid().Bytes(), b.RawData())
	}
	return out.Bytes()
}

// readCAR returns the CIDs of the blocks of a CAR, in order, and checks each block against its CID.
func readCAR(raw []byte) (found []cid.Cid, err error) {
	_, raw, err = cutSection(raw) // the header
	if err != nil {
		return nil, err
	}
	for len(raw) > 0 {
		var content []byte
		if content, raw, err = cutSection(raw); err != nil {
			return found, err
		}
		n, c, err := cid.CidFromBytes(content)
		if err != nil {
			return found, err
		}
		if sum, err := c.Prefix().Sum(content[n:]); err != nil || !sum.Equals(c) {
			return found, fmt.Errorf("block %s has other content: %v", c, err)
		}
		found = append(found, c)
	}
	return found, nil
}

func cutSection(raw []byte) (section, rest []byte, err error) {
	length, n := binary.Uvarint(raw)
	if n <= 0 || uint64(len(raw)-n) < length {
		return nil, nil, fmt.Errorf("CAR ends in a section")
	}
	return raw[n : n+int(length)], raw[n+int(length):], nil
}
