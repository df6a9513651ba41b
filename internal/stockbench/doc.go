// Package stockbench compares this program's pinset with that of the stock stack: kubo's daemon and
// ipfs-cluster-service with raft, built from the module versions that we embed. It holds benchmarks only; `make
// bench-pins` runs them and prints tables in Markdown.
//
// Both sides are three peers on loopback, apart from all public networks, with default settings and every pin on every
// peer. They run beside each other and take turns, because absolute figures mean little: the ratios of one run, and
// their spread over its rounds, are what counts.
package stockbench
