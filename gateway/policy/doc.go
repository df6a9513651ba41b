// Package policy keeps content that is denied from leaving a gateway.
//
// What is denied is said by denylists in the compact format (IPIP-383): files in a directory, lists that are fetched
// from URLs, and the cluster's own entries. A rule names a CID, a path, a name, or the hash of one of them.
//
// Promise: once a rule is in force, no request gets what it denies, in no format and by no detour: neither by its path,
// nor by a name that leads to it, nor as a child of something else, nor as a block of a CAR or TAR. What is being sent
// ends before the first denied block. A list that is broken, or that comes only in part, never takes the place of a
// good one, and a list that was fetched once outlives restarts without a network.
//
// Not promised: that content is gone. Denied blocks stay where they are, can be read through the private API, and are
// exchanged between the members. A rule for a path denies this path, not the same content elsewhere: for that, deny its
// CID.
//
// The rules of a list are read and matched by nopfs, except plain double hashes. Public lists have half a million of
// them, for which nopfs takes 800 bytes each, and this package 32.
//
// Beside that, [Uncacheable] keeps caches from holding on to errors.
//
// Start reading at policy.go, then rules.go and list.go.
package policy
