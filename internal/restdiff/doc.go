// Package restdiff proves that the cluster REST API is IPFS Cluster's: it makes the same requests to a cluster of
// ipfs-cluster-service with raft, built from the version that we embed, and to a cluster of our peers, and compares status,
// headers, trailers, bodies and what was done. It does so in three ways: with plain HTTP requests, with every method of the
// Go client that comes with IPFS Cluster, and with every command of ipfs-cluster-ctl. It holds tests only.
//
// A case ([testCase]) is data: a name and steps, each with what to capture from its answer and what in it may vary. The
// cases stand in tables, one file for each family. What remains different is listed once, in differences_test.go, with a
// reason; an entry that no longer differs fails the test. So does a route, a parameter, a method or a command that no case
// uses (coverage_test.go).
package restdiff
