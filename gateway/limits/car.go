package limits

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"
)

// maxSection bounds a block in a CAR with its CID. Larger blocks do not travel between nodes.
const maxSection = 8 << 20

// car streams a whole DAG as a CAR, block by block as it is read, in the order of a walk that goes down first. The time it
// takes grows with the number of blocks, whatever the depth is; what it remembers comes from a budget.
type car struct {
	ctx   context.Context
	from  *backend
	nodes ipld.NodeGetter
	head  io.ReadCloser // the CAR of the path and the last block on it
	in    *bufio.Reader // of head; nil when it has been read
	root  cid.Cid       // the last block on the path

	pending [][]*ipld.Link         // of the blocks above the next one, what is left
	seen    map[[2]uint64]struct{} // nil: a block may come more than once
	seeds   [2]maphash.Seed
	held    int // of the budget

	out []byte // what has been made and not been read
	err error
}

func newCAR(ctx context.Context, from *backend, head io.ReadCloser, root cid.Cid, duplicates bool) *car {
	c := &car{ctx: ctx, from: from, nodes: merkledag.NewDAGService(from.blocks).Session(ctx), head: head, in: bufio.NewReader(head), root: root}
	if !duplicates {
		c.seen, c.seeds = make(map[[2]uint64]struct{}), [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	}
	return c
}

// Read implements io.Reader.
func (c *car) Read(p []byte) (int, error) {
	for len(c.out) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		if c.err = c.next(); c.err != nil && !errors.Is(c.err, io.EOF) {
			cut(c.ctx, KindBroken, http.StatusBadGateway, c.err)
		}
	}
	n := copy(p, c.out)
	c.out = c.out[n:]
	return n, nil
}

// Close implements io.Closer.
func (c *car) Close() error {
	c.from.cids.give(c.held)
	c.held = 0
	return c.head.Close()
}

// next makes the next section, or none if there is nothing new to send.
func (c *car) next() error {
	if c.in != nil {
		return c.copyHead()
	}
	for n := len(c.pending) - 1; n >= 0; n-- {
		if links := c.pending[n]; len(links) > 0 {
			c.pending = c.pending[:n+1]
			c.pending[n] = links[1:]
			c.release(1)
			return c.visit(links[0].Cid)
		}
	}
	return io.EOF
}

// copyHead copies a section of the head, of which the first is the header. After the last one the walk begins.
func (c *car) copyHead() error {
	length, err := binary.ReadUvarint(c.in)
	if errors.Is(err, io.EOF) {
		c.in = nil
		return c.expand(c.root)
	}
	if err != nil || length > maxSection {
		return fmt.Errorf("read a section of %d bytes: %w", length, errors.Join(err, errors.ErrUnsupported))
	}
	out := binary.AppendUvarint(make([]byte, 0, length+binary.MaxVarintLen64), length)
	start := len(out)
	out = out[:start+int(length)]
	if _, err := io.ReadFull(c.in, out[start:]); err != nil {
		return fmt.Errorf("read a section: %w", err)
	}
	c.out = out
	if _, id, err := cid.CidFromBytes(out[start:]); err == nil { // the header has none
		_, err = c.isNew(id)
		return err
	}
	return nil
}

// visit sends a block, unless it has been sent, and goes on with what it links to.
func (c *car) visit(id cid.Cid) error {
	if isNew, err := c.isNew(id); err != nil || !isNew {
		return err
	}
	node, err := c.nodes.Get(c.ctx, id)
	if err != nil {
		return err
	}
	if id.Prefix().MhType != multihash.IDENTITY {
		raw := node.RawData()
		c.out = binary.AppendUvarint(make([]byte, 0, len(raw)+id.ByteLen()+binary.MaxVarintLen64), uint64(len(raw)+id.ByteLen()))
		c.out = append(append(c.out, id.Bytes()...), raw...)
	}
	return c.push(node)
}

// expand goes on with what a block links to that has been sent.
func (c *car) expand(id cid.Cid) error {
	node, err := c.nodes.Get(c.ctx, id)
	if err != nil {
		return err
	}
	return c.push(node)
}

func (c *car) push(node ipld.Node) error {
	links := node.Links()
	if len(links) == 0 {
		return nil
	}
	for len(c.pending) > 0 && len(c.pending[len(c.pending)-1]) == 0 {
		c.pending = c.pending[:len(c.pending)-1] // a chain of blocks stays as short as its last one
	}
	c.pending = append(c.pending, links)
	return c.hold(len(links))
}

// isNew tells whether a block has not come before, and notes that it has.
func (c *car) isNew(id cid.Cid) (bool, error) {
	if c.seen == nil {
		return true, nil
	}
	key := id.KeyString()
	sum := [2]uint64{maphash.String(c.seeds[0], key), maphash.String(c.seeds[1], key)}
	if _, before := c.seen[sum]; before {
		return false, nil
	}
	c.seen[sum] = struct{}{}
	return true, c.hold(1)
}

func (c *car) hold(n int) error {
	if !c.from.cids.take(n) {
		return errors.New("this gateway streams as many blocks at once as it can remember")
	}
	c.held += n
	return nil
}

func (c *car) release(n int) {
	c.from.cids.give(n)
	c.held -= n
}
