// Package stockbench compares this program with the stock stack: kubo's daemon and ipfs-cluster-service with raft, built
// from the module versions that we embed. It holds benchmarks only, which print tables in Markdown: `make bench-pins`
// compares the pinset, `make bench-rpc` what clients of the RPC API get through a load balancer, `make bench-gateway` the
// gateway with other web servers.
//
// Both sides are three peers on loopback, apart from all public networks, with default settings and every pin on every
// peer. They run beside each other and take turns, because absolute figures mean little: the ratios of one run, and
// their spread over its rounds, are what counts.
package stockbench
