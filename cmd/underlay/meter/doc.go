// Package meter shows a peer to Prometheus.
//
// What happens often is counted where it happens; here it is read when somebody asks, by collectors (raft.go, pins.go,
// machine.go). Only what takes time and every request passes an instrument on its way. The registry belongs to a Meter, so
// several peers can run in one process. Start with meter.go.
package meter
