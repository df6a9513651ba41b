package reconcile

import (
	"container/list"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/go-cid"
)

// unsettled are the operations under way, and how many there are: it may take long to count them. It is guarded by its owner.
type unsettled struct {
	operations map[cid.Cid]operation
	by         map[api.TrackerStatus]int
	order      list.List // of time.Time, since when each is not settled, the longest first
}

func newUnsettled() unsettled {
	return unsettled{operations: make(map[cid.Cid]operation), by: make(map[api.TrackerStatus]int)}
}

// at returns the operation on c; the zero operation if there is none.
func (u *unsettled) at(c cid.Cid) operation { return u.operations[c] }

// set replaces the operation on c.
func (u *unsettled) set(c cid.Cid, op operation) {
	old, known := u.operations[c]
	if known {
		u.by[old.status]--
		op.place = old.place
	} else {
		op.place = u.order.PushBack(time.Now())
	}
	u.by[op.status]++
	u.operations[c] = op
}

func (u *unsettled) remove(c cid.Cid) {
	if old, known := u.operations[c]; known {
		u.by[old.status]--
		u.order.Remove(old.place)
		delete(u.operations, c)
	}
}

// oldest is for how long the operation has been under way that has been so for the longest time.
func (u *unsettled) oldest() time.Duration {
	if first := u.order.Front(); first != nil {
		return time.Since(first.Value.(time.Time))
	}
	return 0
}
