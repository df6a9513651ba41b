package itest

import (
	"bytes"
	encoding "encoding/binary"

	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"
)

// dagShape is a DAG that a test makes: of roots that link to branches that link to leaves, all of them different.
type dagShape struct {
	seed                          uint64
	roots, branches, leaves, size int  // size is that of a leaf in bytes
	partial                       bool // the CAR lacks the leaves
}

// blocks is how many blocks there are.
func (d dagShape) blocks() int { return d.roots * (1 + d.branches*(1+d.leaves)) }

func (d dagShape) leaf(root, branch, n int) *merkledag.RawNode {
	content := make([]byte, d.size)
	copy(content, fmt.Sprintf("%x, %d, %d, %d", d.seed, root, branch, n))
	return merkledag.NewRawNode(content)
}

func (d dagShape) branch(root, branch int) (*merkledag.ProtoNode, error) {
	var children []ipld.Node
	for n := range d.leaves {
		children = append(children, d.leaf(root, branch, n))
	}
	return parent(children)
}

func (d dagShape) root(root int) (*merkledag.ProtoNode, error) {
	var children []ipld.Node
	for n := range d.branches {
		child, err := d.branch(root, n)
		if err != nil {
			return nil, err
		}
		children = append(children, child)
	}
	return parent(children)
}

func parent(children []ipld.Node) (*merkledag.ProtoNode, error) {
	node := merkledag.NodeWithData(nil)
	err := node.SetCidBuilder(cid.V1Builder{Codec: cid.DagProtobuf, MhType: multihash.SHA2_256})
	for n, child := range children {
		err = errors.Join(err, node.AddNodeLink(fmt.Sprintf("%06d", n), child))
	}
	return node, err
}

// writeCAR writes the DAG as `dag import` reads it, and returns the CIDs of its roots.
func (d dagShape) writeCAR(w io.Writer) ([]string, error) {
	var cids []string
	header := append([]byte("\xa2\x65roots"), 0x80|byte(d.roots)) // {"roots": [...], "version": 1} in CBOR
	var tops []ipld.Node
	for r := range d.roots {
		top, err := d.root(r)
		if err != nil {
			return nil, err
		}
		raw := top.Cid().Bytes()
		header = append(append(header, 0xd8, 0x2a, 0x58, byte(len(raw)+1), 0), raw...)
		cids, tops = append(cids, top.Cid().String()), append(tops, top)
	}
	err := writeSection(w, append(header, "\x67version\x01"...))
	for r, top := range tops {
		err = errors.Join(err, writeNode(w, top))
		for b := range d.branches {
			branch, failed := d.branch(r, b)
			if err = errors.Join(err, failed); err != nil {
				return nil, err
			}
			err = writeNode(w, branch)
			for n := 0; n < d.leaves && !d.partial; n++ {
				err = errors.Join(err, writeNode(w, d.leaf(r, b, n)))
			}
		}
	}
	return cids, err
}

func writeNode(w io.Writer, node ipld.Node) error {
	return writeSection(w, node.Cid().Bytes(), node.RawData())
}

// importDAG sends the DAG to a peer and returns the CIDs of its roots, and an error if the peer did not answer that all of
// them are pinned, or stored if query says so.
func (p *Peer) importDAG(d dagShape, query string) ([]string, error) {
	var car bytes.Buffer
	cids, err := d.writeCAR(&car)
	if err != nil {
		return nil, err
	}
	answer, err := p.Upload("dag/import?"+query, car.Bytes())
	if err == nil && bytes.Contains(answer, []byte("PinErrorMsg\":\"")) && !bytes.Contains(answer, []byte("PinErrorMsg\":\"\"")) {
		err = fmt.Errorf("import: %s", answer)
	}
	return cids, err
}

// writeSection writes one part of a CAR behind its length.
func writeSection(w io.Writer, parts ...[]byte) error {
	length := 0
	for _, part := range parts {
		length += len(part)
	}
	_, err := w.Write(encoding.AppendUvarint(nil, uint64(length)))
	for _, part := range parts {
		if err == nil {
			_, err = w.Write(part)
		}
	}
	return err
}

// halfCAR returns the first half of a CAR of two roots.
func halfCAR(t testing.TB) []byte {
	t.Helper()
	var whole bytes.Buffer
	if _, err := (dagShape{seed: 1, roots: 2, branches: 1, leaves: 20, size: 100_000}).writeCAR(&whole); err != nil {
		t.Fatal(err)
	}
	return whole.Bytes()[:whole.Len()/2]
}
