// Package names makes a cluster one publisher of IPNS names. The records that it has published, and those that clients have
// stored through its API, are values of the replicated state.
//
// Promise: what was published through any peer is on a majority of disks when the call returns, and every peer resolves the
// name to it from then on, without asking anybody outside of the cluster. Sequence numbers rise by one, whichever peer
// publishes. The leader publishes records anew before they end.
//
// Not promised: anything new for names of others; they are looked up and cached as kubo does, on each peer by itself.
//
// Start reading at records.go (what is stored), then system.go (resolving), publish.go and republish.go. Node is what all
// commands and the gateway see.
package names
