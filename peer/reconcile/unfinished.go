package reconcile

import (
	"slices"
	"strings"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/go-cid"
)

// UnfinishedPins lists the CIDs for which something is left to do here and that the filter matches: up to limit of them, in
// the order of their bytes, behind a CID unless that is undefined; backward, in the opposite order, before it. A scan that
// runs may not have found all of them; scanning tells so. It looks at what is unfinished and nothing else.
func (r *Reconciler) UnfinishedPins(filter api.TrackerStatus, from api.Cid, backward bool, limit int) (cids []api.Cid, scanning bool) {
	order := strings.Compare
	if backward {
		order = func(a, b string) int { return strings.Compare(b, a) }
	}
	start := ""
	if from.Defined() {
		start = from.KeyString()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var first []cid.Cid // with up to twice as many as are wanted
	cut := func() {
		slices.SortFunc(first, func(a, b cid.Cid) int { return order(a.KeyString(), b.KeyString()) })
		first = first[:min(limit, len(first))]
	}
	for c, op := range r.unsettled.operations {
		if !op.status.Match(filter) || start != "" && order(c.KeyString(), start) <= 0 {
			continue
		}
		if first = append(first, c); len(first) == 2*limit {
			cut()
		}
	}
	cut()
	for _, c := range first {
		cids = append(cids, api.NewCid(c))
	}
	return cids, r.scanning.Load()
}
