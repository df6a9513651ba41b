package reconcile

import (
	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/internal/vitals"
)

// Unfinished counts what is left to do here, as far as it is known: a scan that runs may not have found all of it.
func (r *Reconciler) Unfinished() vitals.Pins {
	r.mu.Lock()
	defer r.mu.Unlock()
	by := r.unsettled.by
	return vitals.Pins{
		Queued:   by[api.TrackerStatusPinQueued],
		Pinning:  by[api.TrackerStatusPinning],
		Failed:   by[api.TrackerStatusPinError] + by[api.TrackerStatusUnpinError],
		Scanning: r.scanning.Load(),
	}
}
