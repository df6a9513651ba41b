package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
)

// expectLimit is how long blocks are held for a change that may still be committed: longer than a peer tries to.
const expectLimit = 2 * time.Minute

// heldKey is where a node remembers which tree it holds. It is not kubo's own key: kubo would not start without that root,
// and stores its own when it stops.
func heldKey() datastore.Key { return datastore.NewKey("/local/underlay-files") }

// held knows which tree this peer has: all that any member had of it. Beyond that, it knows what other peers have sent for
// trees that may come after it.
type held struct {
	store datastore.Datastore

	mu       sync.Mutex
	tree     heldRecord
	expected []expectation
	grew     chan struct{} // closed and replaced when tree changes
}

// heldRecord is the tree as it is stored.
type heldRecord struct {
	Root     cid.Cid `json:"root"`
	Revision uint64  `json:"revision"`
}

// expectation are blocks of a tree that is to replace the one of revision base.
type expectation struct {
	base  uint64
	cids  []cid.Cid
	since time.Time
}

func loadHeld(ctx context.Context, store datastore.Datastore) (*held, error) {
	h := &held{store: store, tree: heldRecord{Root: unixfs.EmptyDirNode().Cid()}, grew: make(chan struct{})}
	raw, err := store.Get(ctx, heldKey())
	if errors.Is(err, datastore.ErrNotFound) {
		return h, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read which files are held: %w", err)
	}
	if err := json.Unmarshal(raw, &h.tree); err != nil {
		return nil, fmt.Errorf("decode which files are held: %w", err)
	}
	return h, nil
}

// now returns the tree that is held.
func (h *held) now() heldRecord {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tree
}

// expect notes blocks that shall not be collected.
func (h *held) expect(base uint64, cids []cid.Cid) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.expected = append(h.expected, expectation{base, cids, time.Now()})
}

// set remembers that a tree is held, whose blocks are on the disk. Only then the one before may be collected.
func (h *held) set(ctx context.Context, t heldRecord) error {
	before := h.now()
	if t.Root != before.Root {
		raw, err := json.Marshal(t)
		if err == nil {
			err = h.store.Put(ctx, heldKey(), raw)
		}
		if err == nil {
			err = h.store.Sync(ctx, heldKey())
		}
		if err != nil {
			return fmt.Errorf("remember which files are held: %w", err)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tree = t
	old := time.Now().Add(-expectLimit)
	var left []expectation
	for _, e := range h.expected {
		// What was to replace an earlier tree is part of this one, or will never be of any.
		if e.base >= t.Revision && e.since.After(old) {
			left = append(left, e)
		}
	}
	h.expected = left
	close(h.grew)
	h.grew = make(chan struct{})
	return nil
}

// await returns when the tree of a revision, or a later one, is held.
func (h *held) await(ctx context.Context, revision uint64) error {
	for {
		h.mu.Lock()
		now, grew := h.tree.Revision, h.grew
		h.mu.Unlock()
		if now >= revision {
			return nil
		}
		select {
		case <-grew:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// all lists what is to be spared: the root, with everything below it, and single blocks.
func (h *held) all() (root cid.Cid, single []cid.Cid) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.expected {
		single = append(single, e.cids...)
	}
	return h.tree.Root, single
}
