// Package pinset is the replicated state machine that holds the cluster's pins,
// and the few small values that its peers share beside them:
// entries of the raft log go in, equal states on equal logs come out, on disk.
//
// It promises that a log entry is applied completely or not at all, that a
// repeated entry is applied once, that pins are read back exactly, and that
// indexes and counters agree with the pins at every moment. It reads no clock
// and no randomness while it applies.
//
// It knows nothing of the network, of elections or of other peers, and its
// reads show what this peer has applied: package consensus adds the rest.
//
// Start with op.go for what can be done, apply.go for how, and read.go, scan.go
// and value.go for what can be asked.
package pinset
