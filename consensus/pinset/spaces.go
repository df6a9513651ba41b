package pinset

import (
	"context"
	"strings"
	"sync"
)

// spaces remembers when values last changed, by the space of their keys, and
// lets callers wait for the next time.
type spaces struct {
	mu   sync.Mutex
	all  uint64            // index at which any value may have changed
	last map[string]uint64 // by space
	grew chan struct{}     // closed and replaced at each change
}

func newSpaces() *spaces {
	return &spaces{last: make(map[string]uint64), grew: make(chan struct{})}
}

// changed notes that the values of keys changed up to entry index.
func (s *spaces) changed(index uint64, keys []string) {
	if len(keys) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		space, _, _ := strings.Cut(key, "/")
		s.last[space] = index
	}
	s.wake()
}

// changedAll notes that the state of entry index was put in the place of another.
func (s *spaces) changedAll(index uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all, s.last = index, make(map[string]uint64)
	s.wake()
}

func (s *spaces) wake() {
	close(s.grew)
	s.grew = make(chan struct{})
}

// NextValues waits until a value of a space may have changed after entry seen,
// and returns the entry to name in the next call; read Values after it. The
// first call, with 0, returns at once unless nothing was ever applied. Any number
// of callers may wait. The errors are ErrClosed and those of ctx.
func (m *Machine) NextValues(ctx context.Context, space string, seen uint64) (uint64, error) {
	s := m.spaces
	for {
		s.mu.Lock()
		now, grew := max(s.last[space], s.all), s.grew
		s.mu.Unlock()
		if now > seen {
			return now, nil
		}
		select {
		case <-grew:
		case <-m.done:
			return 0, ErrClosed
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}
