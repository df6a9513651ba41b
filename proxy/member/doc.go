// Package member is how the private APIs reach the other peers: who they are, how one of them is asked about its own node,
// and how a request that names a peer comes to that one.
//
// Only members get to what this package asks for, so they prove nothing: what a client may do is checked by the peer that it
// came to. Start reading at [Address] and [Group].
package member
