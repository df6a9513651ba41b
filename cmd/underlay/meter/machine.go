package meter

import "github.com/underlay/underlay/internal/metrics"

// machineSeries tell of the members, the blocks and the disk.
func machineSeries() []metrics.Series[stats] {
	const members, traffic = "Other peers that the cluster remembers, as this one sees them.", "Bytes on the private network between the peers."
	return []metrics.Series[stats]{
		gauge("underlay_members", members, func(s stats) float64 { return float64(s.Members.Connected) }, "state", "connected"),
		gauge("underlay_members", members, func(s stats) float64 { return float64(s.Members.Unreachable) }, "state", "unreachable"),
		gauge("underlay_members", members, func(s stats) float64 { return float64(s.Members.Removed) }, "state", "removed"),
		counter("underlay_peer_network_bytes_total", traffic, func(s stats) float64 { return float64(s.Received) }, "direction", "in"),
		counter("underlay_peer_network_bytes_total", traffic, func(s stats) float64 { return float64(s.Sent) }, "direction", "out"),
		gauge("underlay_blocks_bytes", "What the blocks take on the disk.", func(s stats) float64 { return float64(s.Blocks) }),
		counter("underlay_gc_runs_total", "Collections of garbage on this peer's node that have ended.", func(s stats) float64 { return float64(s.Collections.Runs) }),
		counter("underlay_gc_seconds_total", "Time that collections of garbage have taken.", func(s stats) float64 { return s.Collections.Took.Seconds() }),
		counter("underlay_gc_freed_bytes_total", "What the blocks took less on the disk after collections of garbage, about.", func(s stats) float64 {
			return float64(s.Collections.Freed)
		}),
		gauge("underlay_disk_size_bytes", "Size of the file system of the data directory.", func(s stats) float64 { return float64(s.Disk.Size) }),
		gauge("underlay_disk_free_bytes", "What of it is free for this program.", func(s stats) float64 { return float64(s.Disk.Free) }),
	}
}
