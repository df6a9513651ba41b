package stockbench

import (
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/underlay/underlay/internal/itest"
	"github.com/underlay/underlay/internal/stock"
)

// restartFigures tell how a host comes back after an orderly stop.
type restartFigures struct {
	ready    time.Duration // until it acknowledges a write
	caughtUp time.Duration // until its node holds what was pinned meanwhile
}

// measureRestart stops a host that does not lead, pins on the others, and starts it again.
func measureRestart(b *testing.B, s *side) restartFigures {
	b.Helper()
	down := (leaderOf(b, s) + 1) % len(s.hosts)
	up := (down + 1) % len(s.hosts)
	meanwhile := inlineCIDs(50)
	s.stop(down)
	for _, cid := range meanwhile {
		if err := s.pin(up, cid); err != nil {
			b.Fatal(err)
		}
	}
	began := time.Now()
	s.start(down)
	s.awaitReady(b, down)
	var f restartFigures
	f.ready = time.Since(began)
	for _, cid := range slices.Backward(meanwhile) {
		itest.Eventually(b, settleLimit, func() error { return s.settled(down, "pinned", cid) })
	}
	f.caughtUp = time.Since(began)
	return f
}

func leaderOf(b *testing.B, s *side) int {
	b.Helper()
	var leader int
	itest.Eventually(b, time.Minute, func() (err error) {
		leader, err = s.leader()
		return err
	})
	return leader
}

// Writers of the fault test: how many, and how many acknowledgements they collect before the leader dies and after.
const (
	faultWriters = 4
	faultWrites  = 100
)

// measureLeaderKill writes through the followers, kills the leader with SIGKILL, and returns the longest time without
// an acknowledged write. Afterwards the host is back.
func measureLeaderKill(b *testing.B, s *side) time.Duration {
	b.Helper()
	leader := leaderOf(b, s)
	w := startWriters(s, leader)
	w.awaitMore(b)
	s.kill(leader)
	killed := time.Now()
	w.awaitMore(b)
	gap := w.stop(killed)
	s.start(leader)
	s.awaitReady(b, leader)
	return gap
}

// writers pin as fast as they can through the survivors, trying again when a request fails.
type writers struct {
	group errgroup.Group
	quit  chan struct{}

	mu   sync.Mutex
	acks []time.Time
}

func startWriters(s *side, except int) *writers {
	w := &writers{quit: make(chan struct{})}
	var survivors []int
	for i := range s.hosts {
		if i != except {
			survivors = append(survivors, i)
		}
	}
	for i := range faultWriters {
		host := survivors[i%len(survivors)]
		w.group.Go(func() error { w.write(s, host); return nil })
	}
	return w
}

func (w *writers) write(s *side, host int) {
	for {
		select {
		case <-w.quit:
			return
		default:
		}
		if s.pin(host, inlineCIDs(1)[0]) != nil {
			continue // without a leader: what is measured
		}
		w.mu.Lock()
		w.acks = append(w.acks, time.Now())
		w.mu.Unlock()
	}
}

// awaitMore waits for further acknowledgements.
func (w *writers) awaitMore(b *testing.B) {
	b.Helper()
	count := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.acks)
	}
	enough := count() + faultWrites
	itest.Eventually(b, 2*time.Minute, func() error {
		if count() < enough {
			return stock.ErrNoLeader
		}
		return nil
	})
}

// stop ends the writers and returns the longest time between acknowledgements since the last one before the kill.
func (w *writers) stop(killed time.Time) time.Duration {
	close(w.quit)
	_ = w.group.Wait() // the functions return no errors
	slices.SortFunc(w.acks, time.Time.Compare)
	var gap time.Duration
	for i := 1; i < len(w.acks); i++ {
		if w.acks[i].After(killed) {
			gap = max(gap, w.acks[i].Sub(w.acks[i-1]))
		}
	}
	return gap
}
