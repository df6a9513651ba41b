package itest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// Whole returns nil when every block of the DAG is on the peer's own node.
func (p *Peer) Whole(root string) error { return p.walk(root, make(map[string]bool)) }

// walk notes the hashes of all blocks of a DAG in seen.
func (p *Peer) walk(root string, seen map[string]bool) error {
	if err := note(seen, root); err != nil {
		return err
	}
	answer, err := p.Own("refs", root, "recursive=true", "unique=true", "offline=true")
	if err == nil {
		err = eachRef(answer, seen)
	}
	if err != nil {
		return fmt.Errorf("%s has not all of %s: %w", p.Name, root, err)
	}
	return nil
}

// Blocks lists the hashes of all blocks on the peer's own node.
func (p *Peer) Blocks() (map[string]bool, error) {
	answer, err := p.Own("refs/local")
	if err != nil {
		return nil, err
	}
	found := make(map[string]bool)
	return found, eachRef(answer, found)
}

// eachRef notes the hashes that a command of kubo lists.
func eachRef(answer string, seen map[string]bool) error {
	for lines := json.NewDecoder(strings.NewReader(answer)); ; {
		var line struct{ Ref, Err string }
		switch err := lines.Decode(&line); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case line.Err != "":
			return errors.New(line.Err)
		}
		if err := note(seen, line.Ref); err != nil {
			return err
		}
	}
}

func note(seen map[string]bool, ref string) error {
	c, err := cid.Decode(ref)
	if err == nil && c.Prefix().MhType != multihash.IDENTITY {
		seen[string(c.Hash())] = true
	}
	return err
}

// Collect runs a garbage collection on the peer's own node.
func (p *Peer) Collect() error {
	if _, err := p.Own("repo/gc", "quiet=true"); err != nil {
		return fmt.Errorf("collect on %s: %w", p.Name, err)
	}
	return nil
}

// checkWhole verifies that each pin of the pinset is held by every running peer, with all its blocks on each node, and
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
			if err := p.walk(root, wanted); err != nil {
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
