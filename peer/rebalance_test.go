package peer

import (
	"slices"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"
)

// allocated returns n pins, each held by some of the peers in turn.
func allocated(t *testing.T, n, copies int, peers ...peer.ID) []api.Pin {
	t.Helper()
	pins := surveyedPins(t, n)
	for i := range pins {
		pins[i].ReplicationFactorMin, pins[i].ReplicationFactorMax = copies, copies
		for c := range copies {
			pins[i].Allocations = append(pins[i].Allocations, peers[(i+c)%len(peers)])
		}
	}
	return pins
}

func TestRebalanceEvensOut(t *testing.T) {
	a, b, c := testID(t), testID(t), testID(t)
	for what, pins := range map[string][]api.Pin{
		"one has all":       allocated(t, 90, 1, a),
		"two have all":      allocated(t, 90, 2, a, b),
		"one is gone":       append(allocated(t, 30, 1, a), allocated(t, 9, 1, testID(t))...),
		"all have the same": allocated(t, 90, 2, a, b, c),
	} {
		l := load{a: 0, b: 0, c: 0}
		l.count(pins)
		sum := l[a] + l[b] + l[c]
		moves := l.improve(pins)
		if what == "all have the same" && len(moves) > 0 {
			t.Errorf("%s: %d moves", what, len(moves))
		}
		for _, m := range moves {
			i := slices.IndexFunc(pins, func(p api.Pin) bool { return p.Cid == m.pin.Cid })
			if holders := pins[i].Allocations; !slices.Contains(holders, m.from) || slices.Contains(holders, m.to) {
				t.Errorf("%s: %v is moved from %s to %s", what, holders, m.from, m.to)
			}
		}
		counts := []int{l[a], l[b], l[c]}
		if slices.Max(counts)-slices.Min(counts) > 1 || counts[0]+counts[1]+counts[2] != sum {
			t.Errorf("%s: %v after %d moves", what, counts, len(moves))
		}
	}
}

func TestShortPins(t *testing.T) {
	a, b, c := testID(t), testID(t), testID(t)
	pin := func(low int, holders ...peer.ID) api.Pin {
		p := surveyedPins(t, 1)[0]
		p.ReplicationFactorMin, p.ReplicationFactorMax, p.Allocations = low, low, holders
		return p
	}
	meta := pin(2, c)
	meta.Type = api.MetaType
	for _, test := range []struct {
		what string
		pin  api.Pin
		want bool
	}{
		{"one of two is gone", pin(2, a, c), true},
		{"both are there", pin(2, a, b), false},
		{"the only one is gone", pin(1, c), true},
		{"nobody else can hold it", pin(3, a, b, c), false},
		{"everybody holds it", pin(-1), false},
		{"it describes other pins", meta, false},
	} {
		if got := short(test.pin, []peer.ID{a, b}); got != test.want {
			t.Errorf("%s: short is %v", test.what, got)
		}
	}
}

func TestRollCall(t *testing.T) {
	a, b := testID(t), testID(t)
	now := time.Unix(1000, 0)
	away := map[peer.ID]bool{}
	r := newRollCall(time.Minute)
	step := func(d time.Duration) bool {
		now = now.Add(d)
		return r.call(now, []peer.ID{a, b}, func(id peer.ID) bool { return !away[id] })
	}
	if !step(0) {
		t.Error("a new leader does not look")
	}
	r.done(now, true)
	away[b] = true
	if step(time.Second) || step(30*time.Second) {
		t.Error("it looks before the grace period is over")
	}
	away[b] = false
	if step(20 * time.Second) {
		t.Error("it looks although the peer came back")
	}
	away[b] = true
	if step(20*time.Second) || step(50*time.Second) {
		t.Error("the grace period did not begin anew")
	}
	if !step(20*time.Second) || !slices.Equal(r.present, []peer.ID{a}) {
		t.Errorf("after the grace period %v are present", r.present)
	}
	r.done(now, false)
	if step(30*time.Second) || !step(31*time.Second) {
		t.Error("it does not try again in a minute")
	}
	r.done(now, true)
	away[b] = false
	if !step(time.Second) || len(r.present) != 2 {
		t.Error("it does not look when the peer is back")
	}
}
