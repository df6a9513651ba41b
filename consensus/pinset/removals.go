package pinset

import (
	"slices"
	"sync"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// maxRemovals bounds the removals that are remembered.
const maxRemovals = 16384

// removals remembers which pins were removed of late.
type removals struct {
	mu     sync.Mutex
	after  uint64 // what was removed by entries behind this one is in recent
	recent []removal
}

type removal struct {
	index uint64
	cid   api.Cid
}

// add notes that entries up to index removed the pins of cids. The older half is
// forgotten when there are too many.
func (r *removals) add(index uint64, cids []api.Cid) {
	if len(cids) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range cids {
		r.recent = append(r.recent, removal{index, c})
	}
	if len(r.recent) <= maxRemovals {
		return
	}
	forgotten := len(r.recent) - maxRemovals/2
	r.after = r.recent[forgotten-1].index
	r.recent = slices.Clone(r.recent[forgotten:])
	for len(r.recent) > 0 && r.recent[0].index == r.after { // of one entry all or none
		r.recent = r.recent[1:]
	}
}

// forget notes that the state of entry index was put in the place of another.
func (r *removals) forget(index uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.after, r.recent = index, nil
}

// since lists what was removed behind entry seen; ok is false when that is no
// longer known.
func (r *removals) since(seen uint64) (cids []api.Cid, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if seen < r.after {
		return nil, false
	}
	first, _ := slices.BinarySearchFunc(r.recent, seen+1, func(m removal, index uint64) int {
		return int(m.index) - int(index)
	})
	for _, m := range r.recent[first:] {
		cids = append(cids, m.cid)
	}
	return cids, true
}

// Removed lists the CIDs whose pins were removed behind entry seen, oldest first
// and some of them pinned again since, and returns the entry to name in the next
// call. ok is false when too much has been removed since to tell, or a restore
// put another state in the place of the one that was seen.
func (m *Machine) Removed(seen uint64) (cids []api.Cid, now uint64, ok bool) {
	now = m.Applied() // first: what is removed meanwhile is listed once more
	cids, ok = m.removals.since(seen)
	return cids, now, ok
}
