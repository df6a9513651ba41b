package meter

import (
	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/internal/metrics"
)

// operationSeries tell of changes of the replicated state that were made through this peer.
func operationSeries() []metrics.Series[stats] {
	const name, help = "underlay_state_operations_total", "Operations on the replicated state through this peer, by outcome: committed, " +
		"refused because of the state, or failed, which includes those whose outcome is unknown."
	return []metrics.Series[stats]{
		counter("underlay_state_operations_proposed_total", "Operations on the replicated state through this peer that have ended.", func(s stats) float64 {
			return float64(s.Consensus.Proposed)
		}),
		counter(name, help, func(s stats) float64 { return float64(s.Consensus.Committed) }, "outcome", "committed"),
		counter(name, help, func(s stats) float64 { return float64(s.Consensus.Refused) }, "outcome", "refused"),
		counter(name, help, func(s stats) float64 { return float64(s.Consensus.Failed) }, "outcome", "failed"),
		gauge("underlay_state_queue_operations", "Operations that wait to be proposed.", func(s stats) float64 { return float64(s.Consensus.QueuedOps) }),
		gauge("underlay_state_queue_bytes", "Size of the operations that wait to be proposed.", func(s stats) float64 { return float64(s.Consensus.QueuedBytes) }),
	}
}

// pinSeries tell of the pinset, and how far this peer is with it.
func pinSeries() []metrics.Series[stats] {
	all := []metrics.Series[stats]{
		gauge("underlay_pinset_pins", "Pins of the cluster, as far as this peer has applied the log.", func(s stats) float64 { return float64(s.Consensus.Pins) }),
		gauge("underlay_pins_queue_length", "Pins and unpins that wait for a worker on this peer.", func(s stats) float64 { return float64(s.Pins.Queued) }),
		gauge("underlay_pins_oldest_unsettled_seconds", "For how long the pin or unpin that has waited longest is not done on this peer; 0 if all are.",
			func(s stats) float64 { return s.Pins.Oldest.Seconds() }),
		gauge("underlay_pins_scanning", "1 while the pinset is being compared with the local pins, else 0.", func(s stats) float64 {
			return metrics.Truth(s.Pins.Scanning)
		}),
	}
	for state, status := range map[string]api.TrackerStatus{
		"pin_queued": api.TrackerStatusPinQueued, "pinning": api.TrackerStatusPinning, "pin_error": api.TrackerStatusPinError,
		"unpinning": api.TrackerStatusUnpinning, "unpin_error": api.TrackerStatusUnpinError,
	} {
		all = append(all, gauge("underlay_pins_unsettled", "Pins and unpins that are not done on this peer, by state.",
			func(s stats) float64 { return float64(s.Pins.By[status]) }, "state", state))
	}
	return all
}
