package pinset

import (
	"context"
	"sync"
)

// appliedIndex is the index of the last applied entry that holds operations,
// and lets callers wait for it to grow.
type appliedIndex struct {
	mu    sync.Mutex
	index uint64
	grown chan struct{} // closed and replaced at each change
}

func newAppliedIndex(index uint64) *appliedIndex {
	return &appliedIndex{index: index, grown: make(chan struct{})}
}

func (a *appliedIndex) get() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.index
}

func (a *appliedIndex) set(index uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.index != index {
		a.index = index
		close(a.grown)
		a.grown = make(chan struct{})
	}
}

// wait returns once the index is reached, or with ctx's error, or with
// ErrClosed when closing is closed.
func (a *appliedIndex) wait(ctx context.Context, closing <-chan struct{}, index uint64) error {
	for {
		a.mu.Lock()
		now, grown := a.index, a.grown
		a.mu.Unlock()
		if now >= index {
			return nil
		}
		select {
		case <-grown:
		case <-closing:
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
