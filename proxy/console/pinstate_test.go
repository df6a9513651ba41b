package console

import (
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/internal/pinstatus"
)

// What is most pressing is said first, and only peers that are to hold a pin count.
func TestStandingOf(t *testing.T) {
	const (
		held, remote, away       = api.TrackerStatusPinned, api.TrackerStatusRemote, api.TrackerStatusClusterError
		waits, fetching, inError = api.TrackerStatusPinQueued, api.TrackerStatusPinning, api.TrackerStatusPinError
	)
	everywhere := api.PinWithOpts(api.CidUndef, api.PinOptions{ReplicationFactorMin: -1, ReplicationFactorMax: -1})
	allocated := api.PinWithOpts(api.CidUndef, api.PinOptions{ReplicationFactorMin: 1, ReplicationFactorMax: 2})
	allocated.Allocations = []peer.ID{"a", "b"}
	for name, c := range map[string]struct {
		pin      api.Pin
		statuses []api.TrackerStatus // of peers a, b and c
		want     standing
	}{
		"held":       {everywhere, []api.TrackerStatus{held, held, held}, standing{state{"good", "held"}, "by 3 of 3 peers", true}},
		"allocated":  {allocated, []api.TrackerStatus{held, held, remote}, standing{state{"good", "held"}, "by 2 of 2 peers", true}},
		"others":     {allocated, []api.TrackerStatus{held, held, away}, standing{state{"good", "held"}, "by 2 of 2 peers", true}},
		"one away":   {everywhere, []api.TrackerStatus{held, away, held}, standing{state{"good", "held"}, "by 2 of 3 peers, without an answer from 1", true}},
		"all away":   {everywhere, []api.TrackerStatus{away, away, away}, standing{state{"warn", "unknown"}, "held by 0 of 3 peers, without an answer from 3", false}},
		"waits":      {everywhere, []api.TrackerStatus{held, waits, held}, standing{state{"warn", "waits"}, "held by 2 of 3 peers", false}},
		"fetching":   {everywhere, []api.TrackerStatus{waits, fetching, held}, standing{state{"warn", "being fetched"}, "held by 1 of 3 peers", false}},
		"error":      {everywhere, []api.TrackerStatus{fetching, waits, inError}, standing{state{"bad", "in error"}, "held by 0 of 3 peers", false}},
		"error away": {everywhere, []api.TrackerStatus{away, held, inError}, standing{state{"bad", "in error"}, "held by 1 of 3 peers, without an answer from 1", false}},
	} {
		s := pinstatus.Status{GlobalPinInfo: api.GlobalPinInfo{PeerMap: make(map[string]api.PinInfoShort)}}
		for i, status := range c.statuses {
			s.PeerMap[[]peer.ID{"a", "b", "c"}[i].String()] = api.PinInfoShort{Status: status}
		}
		if got := standingOf(c.pin, s); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}
