package reconcile

import (
	"maps"
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

// Stats may be called at any time. It takes no longer when there is much to do.
func (r *Reconciler) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Stats{By: maps.Clone(r.unsettled.by), Queued: r.queue.len(), Oldest: r.unsettled.oldest(), Scanning: r.scanning.Load()}
}
