package limits

import (
	"container/list"
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// slots are the places for requests that work.
type slots struct {
	most     int           // 0: any number
	patience time.Duration // how long a request may be without progress before it can be made to give way

	mu      sync.Mutex
	taken   list.List // of slots, the oldest first
	leaving int       // slots that have given way and still work
}

// slot is a place that is taken.
type slot struct {
	progress atomic.Int64 // when something last went out, in nanoseconds since 1970
	end      context.CancelCauseFunc
	place    *list.Element // nil when it has given way
}

func (s *slot) touch() { s.progress.Store(time.Now().UnixNano()) }

// take takes a place. If all are taken the request that has made no progress for the longest time, and for longer than
// patience, is ended with the given cause. It returns nil if there is no such request. The caller must give the slot back.
func (s *slots) take(end context.CancelCauseFunc, cause error) *slot {
	mine := &slot{end: end}
	mine.touch()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.most > 0 && s.taken.Len() >= s.most {
		stuck := s.mostStuck()
		if stuck == nil {
			return nil
		}
		s.taken.Remove(stuck.place)
		stuck.place = nil
		s.leaving++
		stuck.end(cause)
	}
	mine.place = s.taken.PushBack(mine)
	return mine
}

// mostStuck finds who gives way. Those who leave still cost something, so there are never many of them.
func (s *slots) mostStuck() *slot {
	if s.leaving > s.most/8 {
		return nil
	}
	oldest := time.Now().Add(-s.patience).UnixNano()
	var found *slot
	for e := s.taken.Front(); e != nil; e = e.Next() {
		if one := e.Value.(*slot); one.progress.Load() < oldest {
			found, oldest = one, one.progress.Load()
		}
	}
	return found
}

// give gives a slot back.
func (s *slots) give(one *slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one.place == nil {
		s.leaving--
		return
	}
	s.taken.Remove(one.place)
}
