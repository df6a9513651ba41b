// Package ipfs runs the embedded IPFS node: kubo as a library, its repository, its local pins, and the connector through
// which IPFS Cluster's orchestrator reaches it.
//
// Promise: opening is idempotent, the blocks of a pin are on the disk before it is made, and the node's configuration is
// made anew at every start from our defaults and the user's settings; only its identity is kept.
//
// Start reading at node.go, then pins.go; parts.go says what replaces parts of kubo. Package blockfiles stores the blocks,
// package swap exchanges them with the nodes of the other members.
package ipfs
