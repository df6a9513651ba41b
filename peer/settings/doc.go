// Package settings makes the configuration that is changed through the RPC API one for all peers: `config`, `bootstrap`
// and `pin remote service` change the node of every peer, whichever of them is asked.
//
// Promise: a change that was acknowledged is in every later read through any peer, survives restarts of all of them and
// reaches those that were away. A change that is refused changes nothing anywhere. Of concurrent changes each is made on
// what the others have left.
//
// Not promised: that a node works by a new setting at once. As with kubo, most take effect when the node starts.
//
// What is replicated is the difference that a change makes, a value for each leaf of kubo's configuration file (see
// [Diff]), so that what peers have of their own stays theirs. The configuration of a node is, each over the one before:
// our defaults, the replicated settings, what each peer has for itself (see [Layers]), the operator's own configuration.
//
// All replicated settings are sealed with the cluster's secret, since some are secrets.
//
// Start reading at tree.go, then overlay.go (what the cluster holds), layers.go and settings.go.
package settings
