// Package genesis decides who the first members of a new cluster are, without anybody being first by configuration.
//
// Each peer gives its word for one set of members, and keeps it on disk before it tells anybody. When a peer knows that
// everybody in a set has given its word for it, it may found the cluster of that set; so may every other member, with the
// same result.
//
// Promise: of two sets that share a member at most one is ever founded, however often peers die and come back, in whatever
// order they hear of each other, as long as their disks keep what was synced. Not promised: that peers which never hear of
// each other found one cluster only; a [Record] that all of them reach does that.
//
// Why: the sets have an order, and a peer's word only ever goes down in it. It leaves a set only when it has heard that a
// member of it has given its word for a lower one. If everybody in a set has given its word for it, nobody can have been the
// first to leave it.
//
// Start reading at [Word], then [Record].
package genesis
