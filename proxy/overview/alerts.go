package overview

import (
	"fmt"
	"time"

	"github.com/underlay/underlay/internal/human"
)

// Alert is something that is wrong.
type Alert struct {
	// Grave says that the cluster, or a part of it, does not do its work; others only want to be looked at.
	Grave bool      `json:"grave"`
	Text  string    `json:"text"`
	Since time.Time `json:"since,omitzero"` // zero: unknown
}

const (
	// lowDisk is the part of the disk that should stay free.
	lowDisk = 0.1
	// farBehind is how many entries a peer may be behind, as they are at any moment while much is written.
	farBehind = 10_000
)

// alerts lists what is wrong, the worst first.
func alerts(o Overview) []Alert {
	var grave, others []Alert
	if o.Leader == "" {
		grave = append(grave, Alert{Grave: true, Text: fmt.Sprintf("The cluster has no leader: nothing can be pinned or unpinned until more "+
			"than half of the peers with a vote reach each other. %d of %d peers answer this one.", o.Answering(), len(o.Peers))})
	}
	for _, p := range o.Peers {
		switch {
		case !p.Answers() && p.Seen.IsZero():
			grave = append(grave, Alert{Grave: true, Text: fmt.Sprintf("Peer %s does not answer.", p.Label())})
		case !p.Answers():
			grave = append(grave, Alert{Grave: true, Text: fmt.Sprintf("Peer %s does not answer.", p.Label()), Since: p.Seen})
		default:
			others = append(others, p.complaints(o)...)
		}
	}
	return append(append([]Alert{}, grave...), others...)
}

// complaints lists what is wrong with a peer that answers.
func (p Peer) complaints(o Overview) (found []Alert) {
	add := func(format string, args ...any) { found = append(found, Alert{Text: fmt.Sprintf(format, args...)}) }
	if o.Leader != "" && p.Consensus.Leader == "" {
		add("Peer %s does not hear the leader.", p.Label())
	}
	if p.Waiting != "" {
		add("Peer %s has no vote: %s.", p.Label(), p.Waiting)
	}
	if n := p.Pins.Failed; n > 0 {
		add("Peer %s could not fetch %s that it shall hold; it goes on trying.", p.Label(), human.Plural(n, "pin"))
	}
	if all := p.Disk.Used + p.Disk.Free; all > 0 && float64(p.Disk.Free) < lowDisk*float64(all) {
		add("The disk of peer %s is nearly full.", p.Label())
	}
	if p.Behind > farBehind {
		add("Peer %s is %d entries of the log behind.", p.Label(), p.Behind)
	}
	if asked, ok := o.Peer(o.Asked); ok && p.Version != asked.Version {
		add("Peer %s runs version %s, and peer %s version %s.", p.Label(), p.Version, asked.Label(), asked.Version)
	}
	return found
}
