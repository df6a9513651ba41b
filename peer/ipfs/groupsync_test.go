package ipfs

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

// Everybody's write is covered by a sync that begins after it, and syncs are shared.
func TestGroupSync(t *testing.T) {
	const writers = 200
	var written, syncs atomic.Int64
	var synced int64 // writes that a sync has seen at its beginning
	g := groupSync{sync: func() error {
		synced = written.Load()
		syncs.Add(1)
		return nil
	}}
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			mine := written.Add(1)
			if err := g.wait(); err != nil {
				t.Error(err)
			}
			g.running.Lock()
			defer g.running.Unlock()
			if synced < mine {
				t.Errorf("write %d is not covered: the last sync began after %d", mine, synced)
			}
		})
	}
	wg.Wait()
	t.Logf("%d writers shared %d syncs", writers, syncs.Load())

	failure := errors.New("disk")
	failing := groupSync{sync: func() error { return failure }}
	if err := failing.wait(); !errors.Is(err, failure) {
		t.Errorf("got %v, want %v", err, failure)
	}
}
