// Package files is the cluster's mutable file system: one tree of files and directories for all peers, which kubo's files
// commands read and change.
//
// Promise: the root of the tree is a replicated value, changed by compare-and-set. A change is a whole operation; it is
// acknowledged when the blocks it adds are on the disks of a majority and the new root is committed after them. So the
// death of any peer, the leader included, loses nothing that was acknowledged. Every peer then fetches what the others have
// of the tree, and collections of garbage spare it.
//
// Not promised: that content which a directory only links to, as files cp makes it, is on any peer. Changes that are not
// flushed are in the memory of one peer and end with it.
//
// Start reading at files.go, then change.go (an operation) and publish.go (how it becomes the cluster's). read.go is how
// the tree is read, hold.go how the others come to hold it, spare.go what collections spare.
package files
