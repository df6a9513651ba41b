package reconcile

import (
	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/internal/vitals"
)

// Unfinished counts what is left to do here, as far as it is known: a scan that runs may not have found all of it.
func (r *Reconciler) Unfinished() vitals.Pins {
	r.mu.Lock()
	defer r.mu.Unlock()
	counted := vitals.Pins{Scanning: r.scanning.Load()}
	for _, op := range r.unsettled {
		switch op.status {
		case api.TrackerStatusPinQueued:
			counted.Queued++
		case api.TrackerStatusPinning:
			counted.Pinning++
		case api.TrackerStatusPinError, api.TrackerStatusUnpinError:
			counted.Failed++
		}
	}
	return counted
}
