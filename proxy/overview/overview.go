package overview

import (
	"cmp"
	"slices"
	"time"

	"github.com/underlay/underlay/internal/vitals"
)

// Overview is the cluster at one moment.
type Overview struct {
	At     time.Time
	Asked  string // the ID of the peer whose picture this is
	Leader string // the leader's ID, as the peers know that answer; empty: none
	Term   uint64
	Pins   uint64 // in the pinset
	Peers  []Peer // all members, in the order of their names
	Alerts []Alert
}

// Peer is one member.
type Peer struct {
	vitals.Vitals        // as it answered, or as it did last; without more than ID and name if it never has
	Fault         string // why it does not answer now
	Seen          time.Time
	Behind        uint64 // entries of the log that another peer has applied and this one has not
}

// Answers tells whether the peer has answered.
func (p Peer) Answers() bool { return p.Fault == "" }

// Label is how people call the peer.
func (p Peer) Label() string { return cmp.Or(p.Name, p.ID) }

// Leads tells whether a peer is the leader.
func (o Overview) Leads(p Peer) bool { return p.ID == o.Leader }

// Peer finds a member by its ID.
func (o Overview) Peer(id string) (Peer, bool) {
	i := slices.IndexFunc(o.Peers, func(p Peer) bool { return p.ID == id })
	if i < 0 {
		return Peer{}, false
	}
	return o.Peers[i], true
}

// Answering counts the peers that answer.
func (o Overview) Answering() (n int) {
	for _, p := range o.Peers {
		if p.Answers() {
			n++
		}
	}
	return n
}

// Unfinished adds up what the peers that answer have left to do: a pin counts once for each peer that is to hold it.
func (o Overview) Unfinished() (sum vitals.Pins) {
	for _, p := range o.Peers {
		if !p.Answers() {
			continue
		}
		sum.Queued += p.Pins.Queued
		sum.Pinning += p.Pins.Pinning
		sum.Failed += p.Pins.Failed
		sum.Scanning = sum.Scanning || p.Pins.Scanning
	}
	return sum
}

// settle fills in what follows from what the peers have said.
func (o *Overview) settle() {
	slices.SortFunc(o.Peers, func(a, b Peer) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	var furthest uint64
	for _, p := range o.Peers {
		if !p.Answers() {
			continue
		}
		if furthest < p.Consensus.Applied {
			furthest = p.Consensus.Applied
		}
		// A peer that is cut off may hold somebody for the leader who is one no more: the later term is right.
		if p.Consensus.Term > o.Term || p.Consensus.Term == o.Term && o.Leader == "" {
			o.Leader, o.Term = p.Consensus.Leader, p.Consensus.Term
		}
		o.Pins = max(o.Pins, p.Pins.Total)
	}
	for i := range o.Peers {
		p := &o.Peers[i]
		p.Behind = furthest - min(furthest, p.Consensus.Applied)
	}
	o.Alerts = alerts(*o)
}
