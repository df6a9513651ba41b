package limits

import (
	"container/list"
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// slots are the places for requests that work.
type slots struct {
	most     int           // 0: any number
	patience time.Duration // how long a request may be without progress before it can be made to give way to any other

	mu      sync.Mutex
	taken   list.List          // of slots, the oldest first
	held    map[netip.Addr]int // how many each client has
	leaving int                // slots that have given way and still work
}

// haste is by how much sooner the requests of a client give way that holds more places than the one that asks.
const haste = 10

// slot is a place that is taken.
type slot struct {
	client   netip.Addr
	progress atomic.Int64 // when something last went out, in nanoseconds since 1970
	end      context.CancelCauseFunc
	place    *list.Element // nil when it has given way
}

func (s *slot) touch() { s.progress.Store(time.Now().UnixNano()) }

// take takes a place for a client's request. If all are taken, a request that is stuck is ended with the given cause: one
// of the client that holds the most places, if that is more than this one would hold, else of any. take returns nil if no
// request is stuck. The caller must give the slot back.
func (s *slots) take(client netip.Addr, end context.CancelCauseFunc, cause error) *slot {
	mine := &slot{client: client, end: end}
	mine.touch()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.most > 0 && s.taken.Len() >= s.most {
		stuck := s.victim(s.held[client] + 1)
		if stuck == nil {
			return nil
		}
		s.remove(stuck)
		s.leaving++
		stuck.end(cause)
	}
	mine.place = s.taken.PushBack(mine)
	if s.held == nil {
		s.held = make(map[netip.Addr]int)
	}
	s.held[client]++
	return mine
}

// victim finds who gives way to a client that would hold so many places. Those who leave still cost something, so there are
// never more of them than places.
func (s *slots) victim(share int) *slot {
	if s.leaving >= s.most {
		return nil
	}
	now := time.Now()
	greedy := s.longest(now.Add(-s.patience/haste), func(one *slot) int {
		if n := s.held[one.client]; n > share {
			return n
		}
		return 0
	})
	if greedy != nil {
		return greedy
	}
	return s.longest(now.Add(-s.patience), func(*slot) int { return 1 })
}

// longest finds among those that weigh most the one that has been without progress for the longest time, since before a
// given time. What weighs nothing does not count.
func (s *slots) longest(before time.Time, weigh func(*slot) int) (found *slot) {
	oldest, heaviest := before.UnixNano(), 0
	for e := s.taken.Front(); e != nil; e = e.Next() {
		one := e.Value.(*slot)
		at, weight := one.progress.Load(), weigh(one)
		if at <= before.UnixNano() && weight > 0 && (weight > heaviest || weight == heaviest && at < oldest) {
			found, oldest, heaviest = one, at, weight
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
	s.remove(one)
}

func (s *slots) remove(one *slot) {
	s.taken.Remove(one.place)
	one.place = nil
	if s.held[one.client]--; s.held[one.client] == 0 {
		delete(s.held, one.client)
	}
}
