// Package keys keeps the private keys by which a cluster publishes names. They are values of the replicated state, sealed
// with the cluster's secret: one keystore for all peers, and one key called self.
//
// Promise: a key that was made, imported, renamed or removed through any peer is so on all of them when the call returns,
// and a rename never loses a key. No file of a peer holds a key in the clear.
//
// Not promised: anything about the keystore in the directory of the embedded node, which belongs to that node alone.
//
// Start reading at keys.go, then keystore.go, which kubo's commands see.
package keys
