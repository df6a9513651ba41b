// Package denylist keeps the cluster's own list of what the public must not get: replicated values, which every peer
// follows.
//
// Promise: a rule that was acknowledged is in force on the gateway of every peer as soon as that peer has applied its log
// entry, and after every restart before the gateway answers. Who keeps copies of what the gateways have answered, a CDN,
// is told of each new rule at least once, by the leader.
//
// Not promised: that a peer which is cut off from the others knows of a new rule.
//
// Start reading at denylist.go, then purge.go.
package denylist
