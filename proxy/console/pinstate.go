package console

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/internal/human"
	"github.com/underlay/underlay/internal/pinstatus"
)

// state is how something stands, in words. Kind is a class of the style: good, warn, bad, or empty for what is neither.
type state struct{ Kind, Word string }

// stateOf says how one peer stands with a pin.
func stateOf(s api.TrackerStatus) state {
	switch s {
	case api.TrackerStatusPinned:
		return state{"good", "held"}
	case api.TrackerStatusPinQueued:
		return state{"warn", "waits"}
	case api.TrackerStatusPinning:
		return state{"warn", "being fetched"}
	case api.TrackerStatusPinError:
		return state{"bad", "in error"}
	case api.TrackerStatusUnexpectedlyUnpinned:
		return state{"bad", "lost"}
	case api.TrackerStatusClusterError:
		return state{"bad", "does not answer"}
	case api.TrackerStatusUnpinQueued, api.TrackerStatusUnpinning:
		return state{"warn", "being removed"}
	case api.TrackerStatusUnpinError:
		return state{"bad", "not removed"}
	case api.TrackerStatusSharded:
		return state{"", "pinned in parts"}
	case api.TrackerStatusRemote:
		return state{"", "not meant for this peer"}
	}
	return state{"", strings.ReplaceAll(s.String(), "_", " ")}
}

// standing is how all peers that are to hold a pin stand with it.
type standing struct {
	state          // of the peer with the most pressing one
	Detail  string // how many peers hold it
	settled bool   // none that answers has something left to do
}

// standingOf sums up a status.
func standingOf(pin api.Pin, s pinstatus.Status) standing {
	if pin.Type == api.MetaType {
		return standing{state: stateOf(api.TrackerStatusSharded), settled: true}
	}
	count := make(map[api.TrackerStatus]int)
	all := 0
	for id, p := range s.PeerMap {
		status := p.Status
		if status == api.TrackerStatusClusterError && !meantFor(pin, id) {
			status = api.TrackerStatusRemote
		}
		count[status]++
		if status != api.TrackerStatusRemote {
			all++
		}
	}
	stands := standing{state: stateOf(api.TrackerStatusPinned)}
	pressing := []api.TrackerStatus{ // the most pressing first
		api.TrackerStatusPinError, api.TrackerStatusUnexpectedlyUnpinned, api.TrackerStatusPinning, api.TrackerStatusPinQueued,
	}
	held, away := count[api.TrackerStatusPinned], count[api.TrackerStatusClusterError]
	stands.settled = held > 0
	stands.Detail = fmt.Sprintf("by %d of %s", held, human.Plural(all, "peer"))
	if away > 0 {
		stands.Detail += fmt.Sprintf(", without an answer from %d", away)
	}
	switch {
	case held == 0 && away > 0:
		stands.state = state{"warn", "unknown"}
	case held == 0:
		stands.state = state{"warn", "not held"}
	}
	if i := slices.IndexFunc(pressing, func(s api.TrackerStatus) bool { return count[s] > 0 }); i >= 0 {
		stands.state, stands.settled = stateOf(pressing[i]), false
	}
	if stands.Word != "held" {
		stands.Detail = "held " + stands.Detail
	}
	return stands
}

// meantFor tells whether a peer is to hold a pin.
func meantFor(pin api.Pin, id string) bool {
	if pin.IsPinEverywhere() || len(pin.Allocations) == 0 {
		return true
	}
	return slices.Contains(api.PeersToStrings(pin.Allocations), id)
}

// replication says in words how many peers are to hold a pin.
func replication(low, high int) string {
	switch {
	case low < 0:
		return "all peers"
	case low == high:
		return human.Plural(low, "peer")
	}
	return fmt.Sprintf("%d to %s", low, human.Plural(high, "peer"))
}
