// Package itest runs clusters of real peers, as processes of the real binary, for tests and benchmarks. It is imported
// by tests only.
//
// A [Cluster] is what a developer gets from `underlay dev`; the tests talk to it as users do, over HTTP and with the
// stock clients. When a test ends, the cluster checks by itself that every acknowledged pin is still there and that all
// peers have equal pinsets.
package itest
