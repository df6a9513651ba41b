package pinset

import (
	"slices"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// Whoever asks again and again hears of every removal once, and of a restart, a restore or too many removals that he has
// to look for himself.
func TestRemoved(t *testing.T) {
	m := testMachine(t, t.TempDir())
	var seen, index uint64
	apply := func(ops ...Op) {
		index++
		m.Apply(command(t, index, 1, index, ops...))
	}
	expect := func(what string, ok bool, want ...api.Cid) {
		t.Helper()
		cids, now, known := m.Removed(seen)
		if known != ok || !slices.Equal(cids, want) || now != index {
			t.Errorf("%s: got %v up to %d, %t, want %v up to %d, %t", what, cids, now, known, want, index, ok)
		}
		seen = now
	}
	apply(PinOp(plainPin(1)), PinOp(plainPin(2)), SetValueOp("a", nil))
	expect("nothing", true)
	apply(UnpinOp(testCid(1)), UnpinOp(testCid(9)), DelValueOp("a"))
	apply(UnpinOp(testCid(2)), PinOp(plainPin(2)))
	expect("one, and one that was pinned again", true, testCid(1))
	apply(UnpinOp(testCid(2)))
	expect("another", true, testCid(2))
	expect("nothing more", true)

	source := filledMachine(t, t.TempDir(), 40)
	if err := restoreBytes(m, takeSnapshot(t, source)); err != nil {
		t.Fatal(err)
	}
	index = m.Applied()
	expect("another state", false)
	expect("nothing since", true)

	start := seen
	for first := 0; first < maxRemovals; first += 1000 {
		pins, unpins := make([]Op, 1000), make([]Op, 1000)
		for i := range pins {
			pins[i], unpins[i] = PinOp(plainPin(100_000+first+i)), UnpinOp(testCid(100_000+first+i))
		}
		apply(pins...)
		apply(unpins...)
	}
	if cids, _, ok := m.Removed(start); ok {
		t.Errorf("of %d removals %d are known", maxRemovals, len(cids))
	}
	seen = index - 2
	if cids, _, ok := m.Removed(seen); !ok || len(cids) != 1000 {
		t.Errorf("of the last 1000 removals %d are known, %t", len(cids), ok)
	}
}
