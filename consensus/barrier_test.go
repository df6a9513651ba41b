package consensus

import (
	"errors"
	"sync"
	"testing"
	"time"
)

// A read that comes while another one waits for a leader gives up when its own time is over, not after a second round.
func TestReadsBehindOthersWaitOnceForALeader(t *testing.T) {
	const limit = 500 * time.Millisecond
	m := openPeers(t, 1, func(o *Options) { o.CommitTimeout = limit }).peers[0]
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 2 { // the second ones come behind rounds that run already
				began := time.Now()
				if err := m.Barrier(t.Context()); !errors.Is(err, ErrNoLeader) {
					t.Errorf("barrier: %v", err)
				}
				if took := time.Since(began); took > limit*3/2 {
					t.Errorf("a barrier took %s", took)
				}
			}
		})
	}
	all.Wait()
}
