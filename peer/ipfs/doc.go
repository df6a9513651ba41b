// Package ipfs runs the embedded IPFS node: kubo as a library, its repository, its local pins, and the connector through
// which IPFS Cluster's orchestrator reaches it.
//
// Promise: opening is idempotent, blocks are synced to disk before a write returns, and the node's configuration is made
// anew at every start from our defaults and the user's settings; only its identity is kept.
//
// Start reading at node.go, then pins.go.
package ipfs
