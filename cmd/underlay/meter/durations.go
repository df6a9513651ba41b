package meter

import "github.com/prometheus/client_golang/prometheus"

// durations are what is observed as it happens: no state tells it afterwards.
type durations struct {
	commit, batch, log, snapshot prometheus.Histogram
}

func newDurations(to prometheus.Registerer) durations {
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
		to.MustRegister(h)
		return h
	}
	quick := []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 20}
	return durations{
		commit: histogram("underlay_raft_commit_duration_seconds",
			"Time from a change of the replicated state until it is committed and applied on the leader, the wait for its turn included.", quick),
		batch: histogram("underlay_raft_entry_operations", "Operations that share an entry of the log.",
			[]float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}),
		log: histogram("underlay_raft_log_write_duration_seconds", "Time to write entries to the log and sync them.", quick),
		snapshot: histogram("underlay_raft_snapshot_duration_seconds", "Time to write a snapshot, this peer's own or one from the leader.",
			[]float64{.01, .1, .5, 1, 5, 15, 60, 300}),
	}
}
