package ipfs

import (
	"context"
	"maps"
	"slices"
	"sync"

	pin "github.com/ipfs/boxo/pinning/pinner"
	"github.com/ipfs/go-cid"
)

// holds are roots that garbage collection spares for a while although nothing pins them. They are in memory only: what
// asks for one does not outlive the process either.
type holds struct {
	mu    sync.Mutex
	roots map[cid.Cid]int // how often each is held
}

// Hold keeps the DAG below c, all of whose blocks are here, from garbage collection until release is called. The caller
// holds the node's pin lock.
func (p *Pins) Hold(c cid.Cid) (release func()) { return p.pinner.holds.add(c) }

func (h *holds) add(c cid.Cid) (release func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.roots == nil {
		h.roots = make(map[cid.Cid]int)
	}
	h.roots[c]++
	return sync.OnceFunc(func() { h.remove(c) })
}

func (h *holds) remove(c cid.Cid) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.roots[c]--; h.roots[c] == 0 {
		delete(h.roots, c)
	}
}

func (h *holds) list() []cid.Cid {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.roots))
}

// heldPins are the pins of the table and what is held beside them.
type heldPins struct {
	*pinTable
	held []cid.Cid
}

// Each implements pinview.Pins.
func (p heldPins) Each(ctx context.Context, f func(pin.Pinned) error) error {
	for _, c := range p.held {
		if err := f(pin.Pinned{Key: c, Mode: pin.Recursive}); err != nil {
			return err
		}
	}
	return p.pinTable.Each(ctx, f)
}
