// Package raftstore keeps raft's files: its log, its term and vote, and its
// snapshots.
//
// It promises that bytes which changed on the disk are found out, with an error
// that names the file, instead of being taken for something else; that a failed
// write is reported to Options.Fatal and never tried again, because what the
// disk holds then is not known; and that a full disk is no such failure: the log
// refuses entries until there is room.
//
// One exception is inherent: the last entries of the log, when nothing tells
// them from an append that was torn by a power cut, are dropped. Compare the log
// with the state before it is used.
//
// The log itself is raft-wal's. Start with log.go; meta.go has the term, the vote
// and the list of the log's files, snapshots.go the snapshots.
package raftstore
