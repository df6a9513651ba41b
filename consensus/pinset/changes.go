package pinset

import (
	"context"
	"sync"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// maxDirty bounds the set of changed CIDs that wait for the consumer.
const maxDirty = 65536

// Changes says what may differ from what the consumer saw before. It carries no
// values: those must be read from the state.
type Changes struct {
	// All means that anything may have changed, after a snapshot was restored
	// or when the consumer fell too far behind.
	All bool
	// CIDs were pinned, changed or unpinned. Each appears once, in no order.
	CIDs []api.Cid
	// Members means that member records may have changed.
	Members bool
}

// dirtySet gathers changed CIDs for one consumer without ever blocking the
// state machine.
type dirtySet struct {
	wake chan struct{}

	mu      sync.Mutex
	all     bool
	members bool
	set     map[api.Cid]struct{}
}

func newDirtySet() *dirtySet {
	return &dirtySet{set: make(map[api.Cid]struct{}), wake: make(chan struct{}, 1)}
}

func (d *dirtySet) add(cids []api.Cid, members bool) {
	if len(cids) == 0 && !members {
		return
	}
	d.mu.Lock()
	d.members = d.members || members
	for _, c := range cids {
		if d.all {
			break
		}
		if d.set[c] = struct{}{}; len(d.set) > maxDirty {
			d.all, d.set = true, make(map[api.Cid]struct{})
		}
	}
	d.mu.Unlock()
	d.signal()
}

func (d *dirtySet) addAll() {
	d.mu.Lock()
	d.all, d.members, d.set = true, true, make(map[api.Cid]struct{})
	d.mu.Unlock()
	d.signal()
}

func (d *dirtySet) signal() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// take empties the set. It reports false when there was nothing in it.
func (d *dirtySet) take() (Changes, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.all && !d.members && len(d.set) == 0 {
		return Changes{}, false
	}
	ch := Changes{All: d.all, Members: d.members}
	for c := range d.set {
		ch.CIDs = append(ch.CIDs, c)
	}
	d.all, d.members, d.set = false, false, make(map[api.Cid]struct{})
	return ch, true
}

// Next waits until pins or member records changed since the call before and says
// which. It is for one consumer at a time. The changes that replay of the log
// brings after a start are included, but not those of earlier lives: scan the
// state once at start. The errors are ErrClosed and those of ctx.
func (m *Machine) Next(ctx context.Context) (Changes, error) {
	for {
		if ch, ok := m.dirty.take(); ok {
			return ch, nil
		}
		select {
		case <-m.dirty.wake:
		case <-m.done:
			return Changes{}, ErrClosed
		case <-ctx.Done():
			return Changes{}, ctx.Err()
		}
	}
}
