// Package standing says how far the peers are with a pin.
package standing

import (
	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Peer is how one peer stands with a pin that it shall hold.
type Peer struct {
	ID       peer.ID
	Status   api.TrackerStatus
	Error    string // of the latest attempt
	Attempts int    // that failed
	Blocks   int    // fetched or checked so far
	Bytes    uint64 // in those blocks
}

// Pin is how those peers stand with a pin that shall hold it.
type Pin struct {
	Wanted bool   // the pinset has the pin; all else is empty if not
	Peers  []Peer // those that answered
	Away   int    // how many did not
	Need   int    // how many holders an acknowledged pin has
}

// Holders counts the peers that hold the pin.
func (p Pin) Holders() int { return p.in(api.TrackerStatusPinned) }

// Held tells whether the pin is safe: as many peers hold it as an acknowledgement promises, and so do all others that
// can be asked. One that is away gets it when it comes back.
func (p Pin) Held() bool {
	return p.Wanted && p.Holders() == len(p.Peers) && p.Holders() >= p.Need
}

// Any tells whether one of the peers has a status that the filter matches.
func (p Pin) Any(filter api.TrackerStatus) bool { return p.in(filter) > 0 }

func (p Pin) in(filter api.TrackerStatus) int {
	n := 0
	for _, peer := range p.Peers {
		if peer.Status.Match(filter) {
			n++
		}
	}
	return n
}
