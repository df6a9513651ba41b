// Package stock runs the stock stack for tests and benchmarks: on every host kubo's daemon and an ipfs-cluster-service with
// raft, both built from the module versions that we embed, with their defaults but for addresses, and apart from all
// public networks. All processes end with the test.
package stock
