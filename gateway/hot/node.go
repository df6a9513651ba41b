package hot

import (
	"errors"
	"fmt"

	"time"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
)

var (
	// errNotFile says that a block is no part of a file, or of none that this package reads.
	errNotFile = errors.New("not a file")
	// errSizes says that the sizes in a file's nodes contradict each other.
	errSizes = errors.New("the sizes in the file's nodes are wrong")
)

// nodeOverhead is what a node costs besides its content.
const nodeOverhead = 256

// node is a block of a file: content of its own, followed by that of its children. It does not change.
type node struct {
	data     []byte
	children []child
	size     int64 // of all content
	modTime  time.Time
	weight   uint32
}

// child is a part of a node's content that another node has.
type child struct {
	cid cid.Cid
	end int64 // where the part ends, from the beginning of the node's content; it begins where the one before ends
}

// decode reads a block. It returns errNotFile for one that is something else.
func decode(b blocks.Block) (*node, error) {
	switch b.Cid().Type() {
	case cid.Raw:
		data := b.RawData()
		return &node{data: data, size: int64(len(data)), weight: uint32(len(data) + nodeOverhead)}, nil
	case cid.DagProtobuf:
		return decodeUnixFS(b)
	}
	return nil, errNotFile
}

func decodeUnixFS(b blocks.Block) (*node, error) {
	pb, err := merkledag.DecodeProtobuf(b.RawData())
	if err != nil {
		return nil, fmt.Errorf("decode block %s: %w", b.Cid(), errors.Join(errNotFile, err))
	}
	fs, err := unixfs.FSNodeFromBytes(pb.Data())
	if err != nil || fs.Type() != unixfs.TFile && fs.Type() != unixfs.TRaw {
		return nil, errNotFile
	}
	links := pb.Links()
	if fs.NumChildren() != len(links) {
		return nil, fmt.Errorf("block %s: %w", b.Cid(), errors.Join(errNotFile, errSizes))
	}
	n := &node{data: fs.Data(), size: int64(len(fs.Data())), modTime: fs.ModTime(), children: make([]child, len(links))}
	for i, link := range links {
		n.size += int64(fs.BlockSize(i))
		n.children[i] = child{link.Cid, n.size}
		if fs.BlockSize(i) > 1<<60 || n.size < 0 {
			return nil, fmt.Errorf("block %s: %w", b.Cid(), errors.Join(errNotFile, errSizes))
		}
	}
	if uint64(n.size) != fs.FileSize() {
		return nil, fmt.Errorf("block %s: %w", b.Cid(), errors.Join(errNotFile, errSizes))
	}
	n.weight = uint32(len(n.data) + nodeOverhead + 100*len(links))
	return n, nil
}
