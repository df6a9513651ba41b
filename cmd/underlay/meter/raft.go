package meter

import (
	"github.com/underlay/underlay/internal/metrics"
	"github.com/underlay/underlay/peer"
)

// stats are what the collectors read.
type stats = peer.Stats

func gauge(name, help string, of func(stats) float64, labels ...string) metrics.Series[stats] {
	return metrics.Gauge(name, help, of, labels...)
}

func counter(name, help string, of func(stats) float64, labels ...string) metrics.Series[stats] {
	return metrics.Counter(name, help, of, labels...)
}

// raftSeries tell of this peer's part in the consensus.
func raftSeries() []metrics.Series[stats] {
	const members = "Members of the cluster, by whether they have a vote."
	return []metrics.Series[stats]{
		gauge("underlay_raft_term", "Term of the consensus.", func(s stats) float64 { return float64(s.Consensus.Term) }),
		gauge("underlay_raft_is_leader", "1 if this peer leads, else 0.", func(s stats) float64 {
			return metrics.Truth(s.Consensus.Leader != "" && s.Consensus.Leader == s.Consensus.ID)
		}),
		gauge("underlay_raft_has_leader", "1 if this peer knows who leads, else 0.", func(s stats) float64 {
			return metrics.Truth(s.Consensus.Leader != "")
		}),
		counter("underlay_raft_leader_changes_total", "Times that this peer has found a leader.", func(s stats) float64 {
			return float64(s.Consensus.LeaderChanges)
		}),
		gauge("underlay_raft_leader_contact_seconds", "Time since this peer has heard of the leader; 0 on the leader, -1 if it never has.", func(s stats) float64 {
			return max(s.Consensus.LastContact.Seconds(), -1)
		}),
		gauge("underlay_raft_last_index", "Last entry of the log on this peer.", func(s stats) float64 { return float64(s.Consensus.LastIndex) }),
		gauge("underlay_raft_commit_index", "Last entry that this peer knows to be committed.", func(s stats) float64 { return float64(s.Consensus.CommitIndex) }),
		gauge("underlay_raft_applied_index", "Last entry that this peer has applied.", func(s stats) float64 { return float64(s.Consensus.AppliedIndex) }),
		gauge("underlay_raft_members", members, func(s stats) float64 { return float64(s.Consensus.Voters) }, "role", "voter"),
		gauge("underlay_raft_members", members, func(s stats) float64 { return float64(s.Consensus.NonVoters) }, "role", "non_voter"),
		gauge("underlay_raft_snapshot_size_bytes", "Size of the newest snapshot since the start; 0 if there was none.", func(s stats) float64 {
			return float64(s.Consensus.SnapshotBytes)
		}),
	}
}
