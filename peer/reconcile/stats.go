package reconcile

import (
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// Stats say how far this peer is with what the pinset wants of it.
type Stats struct {
	// By counts the CIDs that are not settled yet by their status.
	By map[api.TrackerStatus]int
	// Queued of them wait for a worker.
	Queued int
	// Oldest is for how long the one has not been settled that has waited longest; 0 if all are.
	Oldest time.Duration
	// Scanning tells that the pinset is being compared with the local pins: there may be more.
	Scanning bool
}

// Stats may be called at any time.
func (r *Reconciler) Stats() Stats {
	s := Stats{By: make(map[api.TrackerStatus]int), Queued: r.queue.len(), Scanning: r.scanning.Load()}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for _, op := range r.unsettled {
		s.By[op.status]++
		s.Oldest = max(s.Oldest, now.Sub(op.first))
	}
	return s
}
