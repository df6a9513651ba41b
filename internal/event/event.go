// Package event says what happens in a cluster, in the form that the APIs show.
package event

import "time"

// The types of events.
const (
	Start      = "start"      // the first of a stream: where it begins
	Pinned     = "pinned"     // the pinset has a new pin, or another version of one
	Unpinned   = "unpinned"   // the pinset has lost a pin
	Status     = "status"     // a peer stands otherwise with a pin: its blocks are there, or an attempt has failed
	Membership = "membership" // a peer was added or removed, or leads now
)

// What Event.Status says of a peer's membership.
const (
	Added   = "added"
	Removed = "removed"
	Leads   = "leader"
)

// Event is one thing that happened. Fields that say nothing about its type are empty.
type Event struct {
	ID     string    `json:"id,omitempty"`    // where to go on behind it; the same on every peer. Of changes of the pinset, and the start
	Index  uint64    `json:"index,omitempty"` // of the log entry
	Type   string    `json:"type"`
	Cid    string    `json:"cid,omitempty"`
	Name   string    `json:"name,omitempty"`   // of the pin, or of the peer whose membership changed
	Peer   string    `json:"peer,omitempty"`   // the cluster peer's ID
	Status string    `json:"status,omitempty"` // of the pin on that peer, as in GET /pins; or of its membership
	Error  string    `json:"error,omitempty"`
	At     time.Time `json:"at"` // when the peer that tells, or the one whose status it is, learned of it
}
