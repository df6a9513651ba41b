package consensus

import (
	"sync/atomic"
	"testing"
)

// Three peers in this process, each with callers that commit ops pins a call.
func BenchmarkCommit(b *testing.B) {
	for name, ops := range map[string]int{"1op": 1, "64ops": 64} {
		b.Run(name, func(b *testing.B) {
			tc := startCluster(b, 3, nil)
			var n atomic.Int64
			b.SetParallelism(64)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					first := int(n.Add(int64(ops)))
					call := make([]Op, ops)
					for i := range call {
						call[i] = PinOp(plainPin(first + i))
					}
					if _, err := tc.peers[first%3].Commit(limit(b), call...); err != nil {
						b.Error(err)
					}
				}
			})
			b.StopTimer()
			b.ReportMetric(float64(ops*b.N)/b.Elapsed().Seconds(), "pins/s")
		})
	}
}
