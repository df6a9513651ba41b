package reconcile

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/boxo/ipld/merkledag"
)

// What is counted is what there is, and an operation is as old as its first attempt.
func TestUnsettledIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUnsettled()
		old, young := merkledag.NewRawNode([]byte("old")).Cid(), merkledag.NewRawNode([]byte("young")).Cid()
		expect := func(oldest time.Duration, queued, failed int) {
			t.Helper()
			if u.oldest() != oldest || u.by[api.TrackerStatusPinQueued] != queued || u.by[api.TrackerStatusPinError] != failed {
				t.Errorf("oldest %s, %v, want %s, %d and %d", u.oldest(), u.by, oldest, queued, failed)
			}
		}
		expect(0, 0, 0)
		u.set(old, operation{status: api.TrackerStatusPinQueued})
		time.Sleep(time.Minute) // of the test's own clock
		u.set(young, operation{status: api.TrackerStatusPinQueued})
		u.set(old, operation{status: api.TrackerStatusPinError, attempts: 1})
		expect(time.Minute, 1, 1)
		u.remove(old)
		time.Sleep(time.Second)
		expect(time.Second, 1, 0)
		u.remove(young)
		u.remove(young)
		expect(0, 0, 0)
	})
}
