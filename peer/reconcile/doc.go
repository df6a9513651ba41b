// Package reconcile makes a node's local pins follow the replicated pinset.
//
// Promise: whenever the pinset and the local pins differ, somebody is at work on the difference: at once when the pinset
// changes, after a scan at start, and again after a failure. It reads only this peer's applied state, so it may act on
// what is a moment old, and mends that with the next change.
//
// Start reading at reconcile.go; tracker.go shows the same as the orchestrator's pin tracker.
package reconcile
