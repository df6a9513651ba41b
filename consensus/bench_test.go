package consensus

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/underlay/underlay/internal/request"
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

// Callers of followers, whose calls are for no request, for one each, or for one each that is traced.
func BenchmarkForward(b *testing.B) {
	traced := sdk.NewTracerProvider().Tracer(request.Scope)
	for _, kind := range []string{"no request", "request", "traced"} {
		b.Run(kind, func(b *testing.B) {
			tc := startCluster(b, 3, func(o *Options) { o.Tracer = traced })
			_, followers := tc.leader()
			var n atomic.Int64
			b.SetParallelism(64)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i, ctx := int(n.Add(1)), limit(b)
					if kind != "no request" {
						ctx = request.WithID(ctx, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
					}
					if kind == "traced" {
						ctx, _ = traced.Start(ctx, "request")
					}
					if _, err := followers[i%2].Propose(ctx, PinOp(plainPin(i))); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// What the barrier of a linearizable read costs on a follower, beside the same
// read without it.
func BenchmarkRead(b *testing.B) {
	tc := startCluster(b, 3, nil)
	_, followers := tc.leader()
	follower := followers[0]
	pin := plainPin(1)
	if _, err := follower.Commit(limit(b), PinOp(pin)); err != nil {
		b.Fatal(err)
	}
	read := map[string]func() error{
		"stale": func() error {
			_, err := follower.Local().Get(b.Context(), pin.Cid)
			return err
		},
		"linearizable": func() error {
			st, err := follower.State(b.Context())
			if err == nil {
				_, err = st.Get(b.Context(), pin.Cid)
			}
			return err
		},
	}
	for _, kind := range []string{"stale", "linearizable"} {
		for _, callers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/callers=%d", kind, callers), func(b *testing.B) {
				var left atomic.Int64
				left.Store(int64(b.N))
				var wg sync.WaitGroup
				for range callers {
					wg.Go(func() {
						for left.Add(-1) >= 0 {
							if err := read[kind](); err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reads/s")
			})
		}
	}
}
