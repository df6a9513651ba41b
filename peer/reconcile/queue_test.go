package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
)

func testCid(n int) cid.Cid { return merkledag.NewRawNode([]byte(fmt.Sprintf("block %d", n))).Cid() }

// mustTake takes what the queue has at once.
func mustTake(t *testing.T, q *queue, want cid.Cid) {
	t.Helper()
	got, ok := q.pop()
	if !ok || got != want {
		t.Fatalf("took %s, %t; want %s", got, ok, want)
	}
}

func mustBeEmpty(t *testing.T, q *queue) {
	t.Helper()
	if c, ok := q.pop(); ok || q.len() != 0 {
		t.Fatalf("the queue still has %s, length %d", c, q.len())
	}
}

func TestQueueOrder(t *testing.T) {
	a, b, c, d := testCid(1), testCid(2), testCid(3), testCid(4)
	for _, r := range []struct {
		name string
		fill func(*queue)
		want []cid.Cid
	}{
		{"first in, first out", func(q *queue) { q.add(a, true); q.add(b, true); q.add(c, true) }, []cid.Cid{a, b, c}},
		{"fresh before scanned", func(q *queue) { q.add(a, false); q.add(b, false); q.add(c, true); q.add(d, true) }, []cid.Cid{c, d, a, b}},
		{"once, however often added", func(q *queue) { q.add(a, true); q.add(b, true); q.add(a, true); q.add(b, false) }, []cid.Cid{a, b}},
		{"a scan does not delay", func(q *queue) { q.add(a, true); q.add(b, true); q.add(a, false) }, []cid.Cid{a, b}},
	} {
		t.Run(r.name, func(t *testing.T) {
			q := newQueue()
			r.fill(q)
			if q.len() != len(r.want) {
				t.Errorf("length is %d, want %d", q.len(), len(r.want))
			}
			for _, want := range r.want {
				mustTake(t, q, want)
				q.done(want)
			}
			mustBeEmpty(t, q)
		})
	}
}

func TestQueueAddAgainWhileTaken(t *testing.T) {
	q := newQueue()
	a, b := testCid(1), testCid(2)
	q.add(a, true)
	mustTake(t, q, a)
	q.add(a, true)
	q.add(a, false)
	mustBeEmpty(t, q) // nobody else gets it meanwhile
	q.add(b, false)
	q.done(a)
	mustTake(t, q, a) // once more, before what a scan found
	q.done(a)
	mustTake(t, q, b)
	q.done(b)
	mustBeEmpty(t, q)
	q.add(a, true)
	mustTake(t, q, a)
}

// advance moves the bubble's clock and lets its timers do their work.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestQueueAddAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		a, b := testCid(1), testCid(2)
		q.addAfter(a, time.Minute)
		q.addAfter(a, time.Second) // one time is planned already
		advance(30 * time.Second)
		mustBeEmpty(t, q)
		advance(31 * time.Second)
		mustTake(t, q, a)
		q.done(a)

		q.addAfter(b, time.Minute)
		q.add(b, true) // sooner than planned
		mustTake(t, q, b)
		q.done(b)
		advance(2 * time.Minute)
		mustBeEmpty(t, q)
	})
}

func TestQueueClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		a, b, c := testCid(1), testCid(2), testCid(3)
		q.addAfter(a, time.Minute)
		q.add(b, true)
		mustTake(t, q, b)
		q.add(b, true)
		q.close()
		q.done(b)
		q.add(c, true)
		q.addAfter(c, time.Second)
		advance(time.Hour)
		mustBeEmpty(t, q)
	})
}

func TestQueueTakeWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		ctx, cancel := context.WithCancel(t.Context())
		type took struct {
			c   cid.Cid
			err error
		}
		all := make(chan took, 3)
		for range 3 {
			go func() {
				c, err := q.take(ctx)
				all <- took{c, err}
			}()
		}
		synctest.Wait() // all three wait
		a, b := testCid(1), testCid(2)
		q.add(a, true)
		q.add(b, false)
		got := []string{(<-all).c.String(), (<-all).c.String()}
		want := []string{a.String(), b.String()}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("took %v, want %v", got, want)
		}
		cancel()
		if last := <-all; !errors.Is(last.err, context.Canceled) {
			t.Errorf("the last one got %s, %v", last.c, last.err)
		}
	})
}

// TestQueuePassesTheWakeUpOn: two additions may leave one token; the worker that it wakes must wake the next.
func TestQueuePassesTheWakeUpOn(t *testing.T) {
	q := newQueue()
	a, b := testCid(1), testCid(2)
	q.add(a, true)
	q.add(b, true)
	<-q.wake
	mustTake(t, q, a)
	select {
	case <-q.wake:
	default:
		t.Error("nobody is woken for the second one")
	}
	mustTake(t, q, b)
	select {
	case <-q.wake:
		t.Error("somebody is woken for nothing")
	default:
	}
}

// TestQueueWorkers: however many add and take, no CID is with two workers at once, and none is forgotten: the last
// round over a CID begins after it was last added.
func TestQueueWorkers(t *testing.T) {
	const cids, workers, producers, rounds = 20, 8, 4, 200
	q := newQueue()
	ctx, cancel := context.WithCancel(t.Context())
	var added, seen [cids]atomic.Int64
	var busy [cids]atomic.Bool
	index := make(map[cid.Cid]int)
	for i := range cids {
		index[testCid(i)] = i
	}
	var working, producing sync.WaitGroup
	for range workers {
		working.Go(func() {
			for {
				c, err := q.take(ctx)
				if err != nil {
					return
				}
				i := index[c]
				if !busy[i].CompareAndSwap(false, true) {
					t.Errorf("%d is with two workers", i)
				}
				seen[i].Store(added[i].Load())
				busy[i].Store(false)
				q.done(c)
			}
		})
	}
	for p := range producers {
		producing.Go(func() {
			for n := range rounds {
				i := (n*7 + p) % cids
				added[i].Add(1)
				q.add(testCid(i), n%2 == 0)
			}
		})
	}
	producing.Wait()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for i := 0; i < cids; {
		if seen[i].Load() == added[i].Load() {
			i++
			continue
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("CID %d was added %d times, last seen at %d", i, added[i].Load(), seen[i].Load())
		}
	}
	cancel()
	working.Wait()
}

// What somebody waits for overtakes a backlog, once, whatever list it is in.
func TestQueuePromotes(t *testing.T) {
	q := newQueue()
	defer q.close()
	fresh, scanned, other := testCid(1), testCid(2), testCid(3)
	q.add(other, true)
	q.add(fresh, true)
	q.add(scanned, false)
	q.promote(scanned)
	q.promote(fresh)
	q.promote(fresh)
	q.promote(testCid(4))
	for _, want := range []cid.Cid{scanned, fresh, other} {
		got, err := q.take(t.Context())
		if err != nil || got != want {
			t.Fatalf("took %s, %v, want %s", got, err, want)
		}
		q.done(got)
	}
	if n := q.len(); n != 0 {
		t.Errorf("%d left", n)
	}
	q.add(fresh, true) // it comes round again like any other
	if got, err := q.take(t.Context()); err != nil || got != fresh {
		t.Errorf("took %s, %v", got, err)
	}
}
