package ipfs

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	pin "github.com/ipfs/boxo/pinning/pinner"
)

// holds are roots that garbage collection spares for a while although nothing pins them. They are in memory only: what
// asks for one does not outlive the process either.
type holds struct {
	mu    sync.Mutex
	roots map[pin.Pinned]int // how often each is held
}

// Hold keeps the blocks of a pin, all of which are here, from garbage collection until release is called. The caller holds
// the node's pin lock.
func (p *Pins) Hold(wanted api.Pin) (release func()) {
	return p.pinner.holds.add(pin.Pinned{Key: wanted.Cid.Cid, Mode: wantedMode(wanted)})
}

func (h *holds) add(root pin.Pinned) (release func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.roots == nil {
		h.roots = make(map[pin.Pinned]int)
	}
	h.roots[root]++
	return sync.OnceFunc(func() { h.remove(root) })
}

func (h *holds) remove(root pin.Pinned) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.roots[root]--; h.roots[root] == 0 {
		delete(h.roots, root)
	}
}

func (h *holds) list() []pin.Pinned {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.roots))
}

// heldPins are the pins of the table and what is held beside them.
type heldPins struct {
	*pinTable
	held []pin.Pinned
}

// Each implements pinview.Pins.
func (p heldPins) Each(ctx context.Context, f func(pin.Pinned) error) error {
	for _, root := range p.held {
		if err := f(root); err != nil {
			return err
		}
	}
	return p.pinTable.Each(ctx, f)
}
