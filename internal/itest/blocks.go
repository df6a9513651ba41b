package itest

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/ipfs/boxo/datastore/dshelp"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	"github.com/multiformats/go-multihash"
)

func (p *Peer) blocksDir() string { return filepath.Join(p.dir, "data", "ipfs", "blocks") }

// blockPath is where a peer keeps a block on its disk; see ipfs.datastoreSpec.
func (p *Peer) blockPath(c cid.Cid) string {
	key := strings.TrimPrefix(dshelp.MultihashToDsKey(c.Hash()).String(), "/")
	return filepath.Join(p.blocksDir(), key[len(key)-3:len(key)-1], key+".data")
}

// Whole returns nil when every block of the DAG is on the peer's disk. It asks nobody: neither the peer nor, through it,
// the others.
func (p *Peer) Whole(root string) error {
	c, err := cid.Decode(root)
	if err != nil {
		return err
	}
	_, err = p.walk(c, make(map[string]bool))
	return err
}

// walk notes the hashes of all blocks of a DAG in seen, and returns how many it has read.
func (p *Peer) walk(root cid.Cid, seen map[string]bool) (read int, err error) {
	for todo := []cid.Cid{root}; len(todo) > 0; {
		c := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if c.Prefix().MhType == multihash.IDENTITY || seen[string(c.Hash())] {
			continue
		}
		seen[string(c.Hash())] = true
		raw, err := os.ReadFile(p.blockPath(c))
		if err != nil {
			return read, fmt.Errorf("%s lacks block %s of %s: %w", p.Name, c, root, err)
		}
		read++
		if c.Type() != cid.DagProtobuf {
			continue
		}
		node, err := merkledag.DecodeProtobuf(raw)
		if err != nil {
			return read, fmt.Errorf("block %s on %s: %w", c, p.Name, err)
		}
		for _, link := range node.Links() {
			todo = append(todo, link.Cid)
		}
	}
	return read, nil
}

// Blocks lists the hashes of all blocks on the peer's disk.
func (p *Peer) Blocks() (map[string]bool, error) {
	found := make(map[string]bool)
	err := filepath.WalkDir(p.blocksDir(), func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != p.blocksDir() {
			return nil // it was removed meanwhile
		}
		if err != nil {
			return err
		}
		name, isBlock := strings.CutSuffix(entry.Name(), ".data")
		if !isBlock {
			return nil
		}
		hash, err := dshelp.BinaryFromDsKey(datastore.NewKey(name))
		found[string(hash)] = true
		return err
	})
	return found, err
}

// Collect runs a garbage collection on the peer's own node.
func (p *Peer) Collect() error {
	_, err := p.Do(http.MethodPost, p.API+"/api/v0/repo/gc?quiet=true")
	if err != nil {
		return fmt.Errorf("collect on %s: %w", p.Name, err)
	}
	return nil
}

// checkWhole verifies that each pin of the pinset is held by every running peer, with all its blocks on each disk, and
// returns the hashes of all those blocks.
func (c *Cluster) checkWhole() (wanted map[string]bool, err error) {
	var running []*Peer
	for _, p := range c.Peers {
		if p.running {
			running = append(running, p)
		}
	}
	pins, err := running[0].Allocations()
	if err != nil {
		return nil, err
	}
	for root := range pins {
		if err := running[0].PinnedEverywhere(root, len(running)); err != nil {
			return nil, err
		}
	}
	for _, p := range running {
		wanted = make(map[string]bool) // the same on each
		for root := range pins {
			c, err := cid.Decode(root)
			if err != nil {
				return nil, err
			}
			if _, err := p.walk(c, wanted); err != nil {
				return nil, err
			}
		}
	}
	return wanted, nil
}

// checkCollected verifies that after a garbage collection on every peer just the blocks of pins are left, and those that
// were there from the start.
func (c *Cluster) checkCollected(start map[string]bool) error {
	for _, p := range c.Peers {
		if err := p.Collect(); err != nil {
			return err
		}
	}
	wanted, err := c.checkWhole()
	if err != nil {
		return fmt.Errorf("after the collection: %w", err)
	}
	for _, p := range c.Peers {
		left, err := p.Blocks()
		if err != nil {
			return err
		}
		var extra []cid.Cid
		for hash := range left {
			if !wanted[hash] && !start[hash] {
				extra = append(extra, cid.NewCidV1(cid.Raw, multihash.Multihash(hash)))
			}
		}
		if len(extra) > 0 {
			return fmt.Errorf("%s keeps %d blocks that nobody pinned, among them %s", p.Name, len(extra), extra[0])
		}
	}
	return nil
}

// startBlocks are the blocks that a peer has before anything was added.
func (c *Cluster) startBlocks() map[string]bool {
	c.t.Helper()
	all := make(map[string]bool)
	for _, p := range c.Peers {
		found, err := p.Blocks()
		if err != nil {
			c.t.Fatal(err)
		}
		for hash := range found {
			all[hash] = true
		}
	}
	return all
}
