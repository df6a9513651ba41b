package pinstatus

import (
	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Standing is how those peers stand with a pin that shall hold it.
type Standing struct {
	Wanted  bool     // the pinset has the pin; all else is empty if not
	Holders []Holder // those that answered
	Away    int      // how many did not
	Need    int      // how many holders an acknowledged pin has
}

// Holder is how one peer stands with a pin that it shall hold.
type Holder struct {
	ID       peer.ID
	Status   api.TrackerStatus
	Error    string // of the latest attempt
	Progress        // while it fetches the pin
}

// Held counts the peers that hold the pin.
func (s Standing) Held() int { return s.in(api.TrackerStatusPinned) }

// Safe tells whether as many peers hold the pin as an acknowledgement promises, and so do all others that can be asked.
// One that is away gets it when it comes back.
func (s Standing) Safe() bool {
	return s.Wanted && s.Held() == len(s.Holders) && s.Held() >= s.Need
}

// Any tells whether one of the peers has a status that the filter matches.
func (s Standing) Any(filter api.TrackerStatus) bool { return s.in(filter) > 0 }

func (s Standing) in(filter api.TrackerStatus) int {
	n := 0
	for _, h := range s.Holders {
		if h.Status.Match(filter) {
			n++
		}
	}
	return n
}
