package limits

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

var errTooMany = errors.New("too many entries")

// sharedReads is how many shards of a directory are read at once. Each is a block with up to 256 links.
const sharedReads = 16

// directory returns what a node says about itself as a UnixFS directory, or false if it is none.
func directory(node ipld.Node) (*unixfs.FSNode, bool) {
	pb, ok := node.(*merkledag.ProtoNode)
	if !ok {
		return nil, false
	}
	fs, err := unixfs.FSNodeFromBytes(pb.Data())
	return fs, err == nil && fs.IsDir()
}

// eachEntry calls f for the entries of a directory until it fails. It holds few blocks at a time, whatever the directory's
// size and form are. When there are more than most, which is 0 for any number, it ends as soon as that can be seen: each
// shard has two entries or more below it.
func (b *backend) eachEntry(ctx context.Context, dir ipld.Node, most int, f func(*ipld.Link) error) error {
	fs, ok := directory(dir)
	if !ok {
		return fmt.Errorf("block %s is no directory", dir.Cid())
	}
	if fs.Type() != unixfs.THAMTShard {
		links := dir.Links()
		if most > 0 && len(links) > most {
			return errTooMany
		}
		for _, link := range links {
			if err := f(link); err != nil {
				return err
			}
		}
		return nil
	}
	prefix := len(fmt.Sprintf("%X", max(fs.Fanout(), 1)-1)) // of a link's name: its place in the shard
	shards := []*ipld.Link{{Cid: dir.Cid()}}
	entries, visited := 0, 0
	for len(shards) > 0 {
		if most > 0 && (entries+2*(len(shards)-1) > most || visited > most) {
			return errTooMany
		}
		next := shards[max(0, len(shards)-sharedReads):]
		shards = shards[:len(shards)-len(next)]
		visited += len(next)
		nodes, err := b.read(ctx, next)
		if err != nil {
			return err
		}
		for _, node := range nodes {
			for _, link := range node.Links() {
				switch name := link.Name; {
				case len(name) < prefix:
					return fmt.Errorf("shard %s of the directory has a link named %q", node.Cid(), name)
				case len(name) == prefix:
					shards = append(shards, link)
				default:
					entries++
					if err := f(&ipld.Link{Name: name[prefix:], Size: link.Size, Cid: link.Cid}); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// read reads the nodes behind some links.
func (b *backend) read(ctx context.Context, links []*ipld.Link) ([]ipld.Node, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wanted []cid.Cid
	for _, link := range links {
		if !slices.Contains(wanted, link.Cid) { // a block comes only once
			wanted = append(wanted, link.Cid)
		}
	}
	nodes := make([]ipld.Node, 0, len(wanted))
	for found := range b.dag.GetMany(ctx, wanted) {
		if found.Err != nil {
			return nil, found.Err
		}
		nodes = append(nodes, found.Node)
	}
	if len(nodes) < len(wanted) {
		return nil, fmt.Errorf("only %d of %d shards of a directory came", len(nodes), len(wanted))
	}
	return nodes, nil
}
