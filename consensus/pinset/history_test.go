package pinset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// told returns the events behind a position in a short form.
func told(t *testing.T, m *Machine, after Position) []string {
	t.Helper()
	events, err := m.Events(t.Context(), after, 100)
	if err != nil {
		t.Fatal(err)
	}
	var short []string
	for _, e := range events {
		short = append(short, fmt.Sprintf("%d-%d %d %s", e.At.Index, e.At.Count, e.Kind, e.Name))
	}
	return short
}

func namedPin(n int, name string) Op {
	p := plainPin(n)
	p.Name = name
	return PinOp(p)
}

// The history has what took effect, in order, and nothing else; any position in it can be gone on from.
func TestHistory(t *testing.T) {
	m := testMachine(t, t.TempDir())
	m.Apply(command(t, 1, 1, 1, namedPin(1, "one"), UnpinOp(testCid(9)), namedPin(2, "two"), SetValueOp("k", nil)))
	m.Apply(atomicCommand(t, true, 2, 1, 2, namedPin(3, "undone"), UnpinOp(testCid(9))))
	m.Apply(command(t, 3, 1, 1, namedPin(4, "repeated entry")))
	m.Apply(command(t, 4, 1, 4, UnpinOp(testCid(1)), namedPin(2, "two again").IfRevision(1), namedPin(5, "refused").IfRevision(7)))
	all := []string{"1-1 1 one", "1-2 1 two", "4-1 2 ", "4-2 1 two again"}
	for after, rest := range map[Position]int{
		{}: 0, {1, 1}: 1, {1, 2}: 2, Behind(1): 2, Behind(2): 2, {4, 1}: 3,
	} {
		if got := told(t, m, after); !slices.Equal(got, all[rest:]) {
			t.Errorf("behind %v: got %q, want %q", after, got, all[rest:])
		}
	}
	for limit, want := range map[int][]string{0: {}, 1: {"two again"}, 3: {"two", "", "two again"}, 9: {"one", "two", "", "two again"}} {
		got := []string{}
		for _, e := range m.Recent(limit) {
			got = append(got, e.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("the latest %d: got %q, want %q", limit, got, want)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if events, err := m.Events(ended, Behind(4), 1); !errors.Is(err, context.Canceled) {
		t.Errorf("at the end: got %v, %v", events, err)
	}
}

func TestHistoryForgets(t *testing.T) {
	m := testMachine(t, t.TempDir())
	const batch = 1000
	entries := historyLen/batch + 2
	for i := range entries {
		ops := make([]Op, batch)
		for j := range ops {
			ops[j] = PinOp(plainPin(j))
		}
		m.Apply(command(t, uint64(i+1), 1, uint64(i+1), ops...))
	}
	oldest := m.history.floor
	for _, p := range []Position{{}, Behind(oldest - 1), {oldest, 1}} {
		if events, err := m.Events(t.Context(), p, 1); !errors.Is(err, ErrForgotten) {
			t.Errorf("behind %v: got %d events, %v", p, len(events), err)
		}
	}
	for _, p := range []Position{{oldest, batch - 1}, Behind(oldest)} {
		want := Position{oldest, batch}
		if p == Behind(oldest) {
			want = Position{oldest + 1, 1}
		}
		if events, err := m.Events(t.Context(), p, 1); err != nil || events[0].At != want {
			t.Errorf("behind %v: got %v, %v, want %v", p, events, err, want)
		}
	}
	source := filledMachine(t, t.TempDir(), entries+5)
	if err := restoreBytes(m, takeSnapshot(t, source)); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Events(t.Context(), Behind(uint64(entries)), 1); !errors.Is(err, ErrForgotten) {
		t.Errorf("after a restore: got %v", err)
	}
	m.Apply(command(t, uint64(entries+6), 5, 1, namedPin(1, "after")))
	if got := told(t, m, Behind(uint64(entries+5))); len(got) != 1 {
		t.Errorf("after a restore: got %q", got)
	}
}

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
	expect("one, and one that was pinned again", true, testCid(1), testCid(2))
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
	for first := 0; first < historyLen; first += 1000 {
		pins, unpins := make([]Op, 1000), make([]Op, 1000)
		for i := range pins {
			pins[i], unpins[i] = PinOp(plainPin(100_000+first+i)), UnpinOp(testCid(100_000+first+i))
		}
		apply(pins...)
		apply(unpins...)
	}
	if cids, _, ok := m.Removed(start); ok {
		t.Errorf("of %d removals %d are known", historyLen, len(cids))
	}
	seen = index - 2
	if cids, _, ok := m.Removed(seen); !ok || len(cids) != 1000 {
		t.Errorf("of the last 1000 removals %d are known, %t", len(cids), ok)
	}
}
