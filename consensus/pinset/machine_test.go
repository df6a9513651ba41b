package pinset

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"testing"

	"github.com/hashicorp/raft"
	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
)

// command returns a log entry.
func command(t testing.TB, index uint64, client byte, seq uint64, ops ...Op) *raft.Log {
	t.Helper()
	return atomicCommand(t, false, index, client, seq, ops...)
}

func atomicCommand(t testing.TB, atomic bool, index uint64, client byte, seq uint64, ops ...Op) *raft.Log {
	t.Helper()
	call, err := EncodeCall(atomic, ops...)
	if err != nil {
		t.Fatal(err)
	}
	return &raft.Log{Index: index, Type: raft.LogCommand, Data: EncodeEntry(ClientID{client}, seq, call)}
}

// results returns the operations' results in a reply of the machine.
func results(t testing.TB, r any, ops int) []error {
	t.Helper()
	got, ok := r.(Reply)
	if !ok || got.Err != nil {
		t.Fatalf("got reply %+v", r)
	}
	errs, err := UnpackResults(got.Packed, ops)
	if err != nil {
		t.Fatal(err)
	}
	return errs
}

func isNotFound(errs []error) []bool {
	var b []bool
	for _, err := range errs {
		b = append(b, errors.Is(err, state.ErrNotFound))
	}
	return b
}

func TestApplySeesItsOwnWrites(t *testing.T) {
	for name, split := range map[string]bool{"one batch": false, "a batch for each entry": true} {
		t.Run(name, func(t *testing.T) {
			m := testMachine(t, t.TempDir())
			a, b := testCid(1), testCid(2)
			logs := []*raft.Log{
				command(t, 1, 1, 1, UnpinOp(a), PinOp(plainPin(1)), UnpinOp(a), UnpinOp(a), PinOp(plainPin(1))),
				{Index: 2, Type: raft.LogCommand},
				{Index: 3, Type: raft.LogConfiguration, Data: []byte("not ours")},
				command(t, 4, 1, 2, PinOp(plainPin(2)), UnpinOp(b)),
				command(t, 5, 2, 1, UnpinOp(b), UnpinOp(a), PinOp(plainPin(2))),
			}
			var replies []any
			if split {
				for _, l := range logs {
					replies = append(replies, m.Apply(l))
				}
			} else {
				replies = m.ApplyBatch(logs)
			}
			for i, want := range map[int][]bool{
				0: {true, false, false, true, false}, 3: {false, false}, 4: {true, false, false},
			} {
				if got := isNotFound(results(t, replies[i], len(want))); !reflect.DeepEqual(got, want) {
					t.Errorf("entry %d: not found %v, want %v", i, got, want)
				}
			}
			if got := listPins(t, m); len(got) != 1 || got[0].Cid != b {
				t.Errorf("got pins %v", got)
			}
			if got := m.applied.get(); got != 5 {
				t.Errorf("applied %d, want 5", got)
			}
		})
	}
}

func TestEmptyEntriesDoNotCountAsApplied(t *testing.T) {
	m := testMachine(t, t.TempDir())
	m.Apply(command(t, 1, 1, 1, PinOp(plainPin(1))))
	before := dump(t, m.Store)
	m.ApplyBatch([]*raft.Log{{Index: 2, Type: raft.LogCommand}, {Index: 3, Type: raft.LogConfiguration}})
	if m.applied.get() != 1 || !maps.Equal(before, dump(t, m.Store)) {
		t.Errorf("an empty entry changed the state, applied %d", m.applied.get())
	}
}

// Fields of one pin must never show up in the next: a full pin, plain ones, the
// same CID again, in one batch and in several, and after reopening.
func TestFieldsDoNotLeakBetweenPins(t *testing.T) {
	dir := t.TempDir()
	m := testMachine(t, dir)
	full, again := fullPin(t), plainPin(1000) // the same CID
	want := map[api.Cid]api.Pin{full.Cid: again, testCid(1): plainPin(1), testCid(2): plainPin(2), testCid(3): plainPin(3)}
	m.ApplyBatch([]*raft.Log{
		command(t, 1, 1, 1, PinOp(full), PinOp(plainPin(1))),
		command(t, 2, 1, 2, PinOp(plainPin(2))),
	})
	m.Apply(command(t, 3, 1, 3, PinOp(plainPin(3))))
	if p, err := m.Get(t.Context(), full.Cid); err != nil || !reflect.DeepEqual(p, full) {
		t.Errorf("got %+v, %v, want %+v", p, err, full)
	}
	m.Apply(command(t, 4, 1, 4, PinOp(again)))
	check := func(m *Machine) {
		t.Helper()
		for _, p := range listPins(t, m) {
			w := want[p.Cid]
			w.Origins = []api.Multiaddr{}
			if !reflect.DeepEqual(p, w) {
				t.Errorf("got %+v, want %+v", p, w)
			}
		}
	}
	check(m)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	check(testMachine(t, dir))
}

func TestRepeatedEntryIsAppliedOnce(t *testing.T) {
	dir := t.TempDir()
	m := testMachine(t, dir)
	m.Apply(command(t, 1, 1, 1, PinOp(plainPin(1))))
	unpin := command(t, 2, 1, 2, UnpinOp(testCid(1)), UnpinOp(testCid(9)))
	first := m.Apply(unpin)
	m.Apply(command(t, 3, 2, 1, PinOp(plainPin(1))))
	again := *unpin
	again.Index = 4
	same := *unpin
	same.Index = 5
	got := m.ApplyBatch([]*raft.Log{&again, &same})
	for _, r := range got {
		if !reflect.DeepEqual(r, first) || r.(Reply).Index != 2 {
			t.Errorf("got %+v, the first time %+v", r, first)
		}
	}
	if has, err := m.Has(t.Context(), testCid(1)); !has || err != nil {
		t.Errorf("the repeated unpin was applied: %v, %v", has, err)
	}
	if m.applied.get() != 5 {
		t.Errorf("applied %d, want 5", m.applied.get())
	}
	// The memory of it survives a restart, and so does the applied index.
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	m = testMachine(t, dir)
	if r := m.Apply(&same); r != nil {
		t.Errorf("an entry below the applied index gave %+v", r)
	}
	same.Index = 6
	if r := m.Apply(&same).(Reply); r.Forgotten || r.Index != 2 {
		t.Errorf("after a restart: got %+v", r)
	}
}

func TestEntryOlderThanTheWindowIsForgotten(t *testing.T) {
	m := testMachine(t, t.TempDir())
	index := uint64(0)
	apply := func(seq uint64) Reply {
		index++
		return m.Apply(command(t, index, 1, seq, PinOp(plainPin(int(seq))))).(Reply)
	}
	for seq := uint64(2); seq <= ClientWindow; seq++ {
		if r := apply(seq); r.Index != index {
			t.Fatalf("sequence %d: got %+v", seq, r)
		}
	}
	// Late, but inside the window.
	if r := apply(1); r.Index != index {
		t.Errorf("sequence 1: got %+v", r)
	}
	apply(ClientWindow + 1)
	if r := apply(1); !r.Forgotten {
		t.Errorf("sequence 1 again: got %+v", r)
	}
	if r := apply(2); r.Index != 1 {
		t.Errorf("sequence 2 again: got %+v", r)
	}
	if n := len(m.clients.clients[ClientID{1}].window); n != ClientWindow {
		t.Errorf("%d outcomes are kept, want %d", n, ClientWindow)
	}
}

// Peers that restarted in between and peers that did not must forget the same
// clients.
func TestClientTableIsBoundedAndDeterministic(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir()}
	steady, restarted := testMachine(t, dirs[0]), testMachine(t, dirs[1])
	client := func(n int) ClientID { return ClientID{byte(n), byte(n >> 8), 1} }
	index := uint64(0)
	apply := func(n int, seq uint64) {
		index++
		l := command(t, index, 0, seq, PinOp(plainPin(n)))
		id := client(n)
		copy(l.Data[1:], id[:])
		steady.Apply(l)
		restarted.Apply(l)
	}
	for n := range maxClients {
		apply(n, 1)
	}
	apply(0, 2) // no longer the least recent
	if err := restarted.Close(); err != nil {
		t.Fatal(err)
	}
	restarted = testMachine(t, dirs[1])
	for n := range 5 {
		apply(maxClients+n, 1)
	}
	if !maps.Equal(dump(t, steady.Store), dump(t, restarted.Store)) {
		t.Error("the states differ")
	}
	if len(steady.clients.clients) != maxClients || !reflect.DeepEqual(steady.clients, restarted.clients) {
		t.Errorf("%d and %d clients, want %d equal ones", len(steady.clients.clients), len(restarted.clients.clients), maxClients)
	}
	if steady.clients.clients[client(0)] == nil || steady.clients.clients[client(1)] != nil {
		t.Error("the wrong client was evicted")
	}
}

func TestUnreadableEntryStopsTheMachine(t *testing.T) {
	var fatal []error
	m := testMachineFatal(t, t.TempDir(), func(err error) { fatal = append(fatal, err) })
	m.Apply(command(t, 1, 1, 1, PinOp(plainPin(1))))
	before := dump(t, m.Store)
	got := m.ApplyBatch([]*raft.Log{
		command(t, 2, 1, 2, PinOp(plainPin(2))),
		{Index: 3, Type: raft.LogCommand, Data: []byte("no entry")},
		command(t, 4, 1, 3, PinOp(plainPin(4))),
	})
	if len(fatal) != 1 || !errors.Is(fatal[0], ErrCorrupt) {
		t.Errorf("fatal errors %v, want one ErrCorrupt", fatal)
	}
	for i, r := range got {
		if r.(Reply).Err == nil {
			t.Errorf("entry %d was acknowledged: %+v", i, r)
		}
	}
	if !maps.Equal(before, dump(t, m.Store)) || m.applied.get() != 1 {
		t.Error("part of the batch was applied")
	}
	if r := m.Apply(command(t, 5, 1, 4, PinOp(plainPin(5)))).(Reply); r.Err == nil {
		t.Error("the machine went on")
	}
	if _, err := m.Snapshot(); err == nil {
		t.Error("a broken machine took a snapshot")
	}
}

func TestReads(t *testing.T) {
	m := testMachine(t, t.TempDir())
	for n := range 20 {
		m.Apply(command(t, uint64(n+1), 1, uint64(n+1), PinOp(plainPin(n))))
	}
	if _, err := m.Get(t.Context(), testCid(99)); err != state.ErrNotFound { //nolint:errorlint // identity is the promise
		t.Errorf("Get of an absent pin: %v", err)
	}
	if has, err := m.Has(t.Context(), testCid(99)); has || err != nil {
		t.Errorf("Has of an absent pin: %v, %v", has, err)
	}
	pins := listPins(t, m)
	for i := 1; i < len(pins); i++ {
		if pins[i-1].Cid.KeyString() >= pins[i].Cid.KeyString() {
			t.Errorf("pins %d and %d are out of order", i-1, i)
		}
	}
	if len(pins) != 20 {
		t.Errorf("%d pins, want 20", len(pins))
	}
	ctx, cancel := context.WithCancel(t.Context())
	out := make(chan api.Pin)
	errs := make(chan error, 1)
	go func() { errs <- m.List(ctx, out) }()
	<-out
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled list: %v", err)
	}
	// Closing ends a list that nobody reads any more.
	out = make(chan api.Pin)
	go func() { errs <- m.List(context.Background(), out) }()
	<-out
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if err := <-errs; !errors.Is(err, ErrClosed) {
		t.Errorf("list during close: %v", err)
	}
	if _, err := m.Get(t.Context(), testCid(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("Get after close: %v", err)
	}
}

func TestChanges(t *testing.T) {
	m := testMachine(t, t.TempDir())
	done := make(chan struct{})
	m.done = done
	next := func() map[api.Cid]bool {
		t.Helper()
		ch, err := m.Next(t.Context())
		if err != nil || ch.All {
			t.Fatalf("got %+v, %v", ch, err)
		}
		set := make(map[api.Cid]bool)
		for _, cid := range ch.CIDs {
			set[cid] = true
		}
		return set
	}
	m.Apply(command(t, 1, 1, 1, PinOp(plainPin(1)), UnpinOp(testCid(7)), PinOp(plainPin(2))))
	m.Apply(command(t, 2, 1, 2, UnpinOp(testCid(1))))
	if got, want := next(), (map[api.Cid]bool{testCid(1): true, testCid(2): true}); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	m.Apply(command(t, 3, 1, 1, PinOp(plainPin(1)))) // repeated: no change
	m.Apply(command(t, 4, 1, 3, PinOp(plainPin(3))))
	if got, want := next(), (map[api.Cid]bool{testCid(3): true}); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	many := make([]api.Cid, maxDirty+1)
	for i := range many {
		many[i] = testCid(i)
	}
	m.dirty.add(many, false)
	if ch, err := m.Next(t.Context()); err != nil || !ch.All || len(ch.CIDs) != 0 {
		t.Errorf("overflow: got All=%v, %d CIDs, %v", ch.All, len(ch.CIDs), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	close(done)
	if _, err := m.Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestMemberChangesAreAnnounced(t *testing.T) {
	m := testMachine(t, t.TempDir())
	for i, c := range []struct {
		op   Op
		news bool
	}{
		{SetMemberOp(testPeer(1), []byte("a")), true},
		{SetMemberOp(testPeer(1), []byte("a")), false},
		{SetMemberOp(testPeer(1), nil), true},
		{SetMemberOp(testPeer(1), []byte{}), false},
		{DelMemberOp(testPeer(1)), true},
		{DelMemberOp(testPeer(1)), false},
	} {
		r := m.Apply(command(t, uint64(i+1), 1, uint64(i+1), c.op))
		if errs := results(t, r, 1); errs[0] != nil {
			t.Errorf("operation %d: %v", i, errs[0])
		}
		if ch, ok := m.dirty.take(); ok != c.news || ch.Members != c.news || ch.All || len(ch.CIDs) > 0 {
			t.Errorf("operation %d: got changes %+v, want %v", i, ch, c.news)
		}
	}
}
