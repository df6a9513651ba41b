package pinset

import (
	"context"
	"errors"
	"math"
	"sync"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// historyLen is how many events are remembered, in memory.
const historyLen = 1 << 16

// ErrForgotten reports that events after the given position are no longer
// remembered: whoever follows them must look at the state anew.
var ErrForgotten = errors.New("these changes are no longer remembered")

// Position is a place in the history of the state: behind the first Count events
// of entry Index. It means the same on every peer.
type Position struct{ Index, Count uint64 }

// Behind returns the position behind all events of an entry.
func Behind(index uint64) Position { return Position{index, math.MaxUint64} }

// Event is one change of the pinset.
type Event struct {
	At   Position // behind this event
	Kind OpKind   // OpPin or OpUnpin
	Cid  api.Cid
	Name string // of the pin; empty when it was removed
}

// history remembers the latest events. What is older than the peer's start or
// than the last snapshot it was given is not in it.
type history struct {
	mu     sync.Mutex
	events []Event // a ring once it is full
	first  int     // of the oldest event
	floor  uint64  // events of entries up to this one may be missing
	grown  chan struct{}
}

func newHistory() *history { return &history{grown: make(chan struct{})} }

// restart forgets everything up to entry index.
func (h *history) restart(index uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events, h.first, h.floor = nil, 0, index
	h.wake()
}

func (h *history) add(events []Event) {
	if len(events) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range events {
		if len(h.events) < historyLen {
			h.events = append(h.events, e)
			continue
		}
		h.floor = h.events[h.first].At.Index
		h.events[h.first] = e
		h.first = (h.first + 1) % historyLen
	}
	h.wake()
}

func (h *history) wake() {
	close(h.grown)
	h.grown = make(chan struct{})
}

// after returns up to limit events behind a position, and what to wait for if
// there are none.
func (h *history) after(p Position, limit int) ([]Event, <-chan struct{}, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p.Index < h.floor || h.floor > 0 && p.Index == h.floor && p != Behind(h.floor) && !h.has(p) {
		return nil, nil, ErrForgotten
	}
	var found []Event
	for i := h.search(p); i < len(h.events) && len(found) < limit; i++ {
		found = append(found, h.at(i))
	}
	return found, h.grown, nil
}

func (h *history) at(i int) Event { return h.events[(h.first+i)%len(h.events)] }

// search returns the number of the first event behind p.
func (h *history) search(p Position) int {
	low, high := 0, len(h.events)
	for low < high {
		middle := (low + high) / 2
		if at := h.at(middle).At; at.Index > p.Index || at.Index == p.Index && at.Count > p.Count {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

func (h *history) has(p Position) bool {
	i := h.search(p)
	return i > 0 && h.at(i-1).At == p
}

// Remembers reports whether all changes of the pinset behind a position are known.
func (m *Machine) Remembers(p Position) bool {
	_, _, err := m.history.after(p, 0)
	return err == nil
}

// Recent returns the latest changes of the pinset that are remembered, up to
// limit of them, the oldest first.
func (m *Machine) Recent(limit int) []Event {
	h := m.history
	h.mu.Lock()
	defer h.mu.Unlock()
	var found []Event
	for i := max(0, len(h.events)-limit); i < len(h.events); i++ {
		found = append(found, h.at(i))
	}
	return found
}

// Events returns up to limit changes of the pinset behind a position, as soon as
// there are some. The errors are ErrForgotten, ErrClosed and those of ctx.
func (m *Machine) Events(ctx context.Context, after Position, limit int) ([]Event, error) {
	for {
		events, grown, err := m.history.after(after, limit)
		if err != nil || len(events) > 0 {
			return events, err
		}
		select {
		case <-grown:
		case <-m.done:
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Removed lists the CIDs whose pins were removed behind entry seen, oldest first
// and some of them pinned again since, and returns the entry to name in the next
// call. ok is false when that is no longer remembered.
func (m *Machine) Removed(seen uint64) (cids []api.Cid, now uint64, ok bool) {
	now = m.Applied() // first: what is removed meanwhile is listed once more
	events, _, err := m.history.after(Behind(seen), historyLen)
	if err != nil {
		return nil, now, false
	}
	for _, e := range events {
		if e.Kind == OpUnpin {
			cids = append(cids, e.Cid)
		}
	}
	return cids, now, true
}
