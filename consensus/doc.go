// Package consensus keeps the cluster's pinset: a replicated state machine over
// hashicorp/raft that fulfils ipfs-cluster's Consensus interface.
//
// It promises that an operation Commit has acknowledged is stored, fsynced, on a
// majority of the peers and is never lost, that every peer holds exactly the
// same pins, and that a read after Barrier sees everything acknowledged before
// the call, on any peer. Any peer accepts operations: followers forward them.
//
// It does not fetch, pin or check any block. The peer package makes the local
// IPFS node follow the pinset, with the help of Next and Local.
//
// Start with consensus.go (Open, Close and what they hold together), then pins.go
// for what can be asked and batch.go for the path of a write. Package pinset is
// the state machine, package raftstore the files below raft.
// DESIGN.md tells the invariants and what happens at each crash point.
package consensus
