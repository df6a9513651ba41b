package reconcile

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// changesLen is how many changes of status are remembered for those who follow them.
const changesLen = 4096

// Change says how this peer stands with a CID since an attempt has ended.
type Change struct {
	Cid    api.Cid           `json:"cid"`
	Status api.TrackerStatus `json:"status"`
	Error  string            `json:"error,omitempty"`
	At     time.Time         `json:"at"`
}

// changes are the latest changes, numbered from 0.
type changes struct {
	mu   sync.Mutex
	ring [changesLen]Change
	next uint64        // number of the next one
	wake chan struct{} // closed with it; nil unless somebody waits
}

func (c *changes) add(change Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ring[c.next%changesLen] = change
	c.next++
	if c.wake != nil {
		close(c.wake)
		c.wake = nil
	}
}

// from returns the changes that are remembered of those from number n on, the number behind them, and what to wait for if
// there are none.
func (c *changes) from(n uint64) (found []Change, next uint64, wake <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > c.next {
		n = c.next
	}
	if c.next-n > changesLen {
		n = c.next - changesLen
	}
	for ; n < c.next; n++ {
		found = append(found, c.ring[n%changesLen])
	}
	if len(found) == 0 && c.wake == nil {
		c.wake = make(chan struct{})
	}
	return found, c.next, c.wake
}

// Follow calls f with every change of status from now on, until that fails or ctx ends, and returns that error. One who is
// too slow misses some.
func (r *Reconciler) Follow(ctx context.Context, f func(Change) error) error {
	_, next, _ := r.changes.from(math.MaxUint64)
	for {
		found, behind, wake := r.changes.from(next)
		next = behind
		for _, change := range found {
			if err := f(change); err != nil {
				return err
			}
		}
		if len(found) > 0 {
			continue
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
