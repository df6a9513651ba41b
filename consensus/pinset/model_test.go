package pinset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/raft"
	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
)

// verify recomputes the indexes and the counter from the pins.
func verify(ctx context.Context, t testing.TB, m *Machine) {
	t.Helper()
	want, got := make(map[string]bool), make(map[string]bool)
	pins := uint64(0)
	it, err := m.db.NewIter(&pebble.IterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	for it.First(); it.Valid(); it.Next() {
		switch it.Key()[0] {
		case keyName, keyMetadata:
			got[string(it.Key())] = true
		case keyPin:
			pins++
			p, revision, err := decodeStored(it.Value())
			if err != nil || revision == 0 || revision > m.Applied() {
				t.Errorf("pin %x: revision %d, %v", it.Key(), revision, err)
			}
			for _, k := range indexKeys(p) {
				want[string(k)] = true
			}
		}
	}
	if n, err := m.Len(ctx); n != pins || err != nil {
		t.Errorf("Len is %d, %v, want %d", n, err, pins)
	}
	if !maps.Equal(got, want) {
		t.Errorf("the indexes hold %d keys, want %d others", len(got), len(want))
	}
}

// model is the state machine in a few lines: what it should have done.
type model struct {
	pins      map[api.Cid]api.Pin
	revisions map[api.Cid]uint64
	members   map[string]string
	values    map[string]Value
}

func newModel() model {
	return model{
		pins: map[api.Cid]api.Pin{}, revisions: map[api.Cid]uint64{}, members: map[string]string{}, values: map[string]Value{},
	}
}

func (m *model) apply(index uint64, atomic bool, ops []Op) []error {
	next := model{
		pins: maps.Clone(m.pins), revisions: maps.Clone(m.revisions), members: maps.Clone(m.members), values: maps.Clone(m.values),
	}
	errs := make([]error, len(ops))
	for i, op := range ops {
		c := op.Pin.Cid
		switch {
		case op.Kind == OpSetMember:
			next.members[string(op.Member.ID)] = string(op.Member.Record)
		case op.Kind == OpDelMember:
			delete(next.members, string(op.Member.ID))
		case op.Kind == OpSetValue || op.Kind == OpDelValue:
			errs[i] = next.applyValue(index, op)
		case op.hasCondition && op.revision != next.revisions[c]:
			errs[i] = ErrConflict
		case op.Kind == OpPin:
			next.pins[c], next.revisions[c] = op.Pin, index
		case next.revisions[c] == 0:
			errs[i] = state.ErrNotFound
		default:
			delete(next.pins, c)
			delete(next.revisions, c)
		}
	}
	if atomic && errors.Join(errs...) != nil {
		for i, err := range errs {
			if err == nil {
				errs[i] = ErrNotApplied
			}
		}
		return errs
	}
	*m = next
	return errs
}

func (m *model) applyValue(index uint64, op Op) error {
	v, ok := m.values[op.Value.Key]
	switch {
	case op.hasCondition && op.revision != v.Revision:
		return ErrConflict
	case op.Kind == OpSetValue:
		m.values[op.Value.Key] = Value{op.Value.Key, op.Value.Data, index}
	case !ok:
		return state.ErrNotFound
	default:
		delete(m.values, op.Value.Key)
	}
	return nil
}

func (m *model) randomOp(r *rand.Rand) Op {
	n := r.IntN(12)
	p := plainPin(n)
	if r.IntN(2) == 0 {
		p.Name = []string{"a", "ab", "b", "a\x00", "a\x00b", strings.Repeat("a", 600), "ä"}[r.IntN(7)]
	}
	if r.IntN(2) == 0 {
		p.Metadata = map[string]string{"k": fmt.Sprint(r.IntN(3)), "": "no index", "k\x00": "", strings.Repeat("k", 513): "long"}
	}
	op := []Op{
		PinOp(p), PinOp(p), UnpinOp(p.Cid),
		SetMemberOp(testPeer(n%3), []byte(strings.Repeat("r", r.IntN(3)))), DelMemberOp(testPeer(n % 3)),
		SetValueOp(fmt.Sprint("space", n%2, "/key", n%3), []byte(strings.Repeat("v", r.IntN(3)))), DelValueOp(fmt.Sprint("space", n%2, "/key", n%3)),
	}[r.IntN(7)]
	switch {
	case r.IntN(3) > 0:
	case op.Kind == OpPin || op.Kind == OpUnpin:
		op = op.IfRevision(m.revisions[p.Cid] * uint64(r.IntN(2)))
	case op.Kind.hasRevision():
		op = op.IfRevision(m.values[op.Value.Key].Revision * uint64(r.IntN(2)))
	}
	return op
}

// compare fails unless the machine shows what the model holds.
func (m *model) compare(t *testing.T, got *Machine) {
	t.Helper()
	pins := map[api.Cid]api.Pin{}
	for _, p := range listPins(t, got) {
		pins[p.Cid] = p
		if _, rev, err := got.GetRevision(t.Context(), p.Cid); err != nil || rev != m.revisions[p.Cid] {
			t.Errorf("pin %s: revision %d, %v, want %d", p.Cid, rev, err, m.revisions[p.Cid])
		}
	}
	want := maps.Clone(m.pins)
	for c, p := range want {
		p.Origins = []api.Multiaddr{} // the library's form of none
		want[c] = p
	}
	if !reflect.DeepEqual(pins, want) {
		t.Errorf("got %d pins, want %d others", len(pins), len(want))
	}
	records, err := got.Members(t.Context())
	members := map[string]string{}
	for _, r := range records {
		members[string(r.ID)] = string(r.Record)
	}
	if err != nil || !maps.Equal(members, m.members) {
		t.Errorf("got members %v, %v, want %v", members, err, m.members)
	}
	m.compareValues(t, got)
	verify(t.Context(), t, got)
}

func (m *model) compareValues(t *testing.T, got *Machine) {
	t.Helper()
	for _, prefix := range []string{"", "space1/", "space1/key2", "none"} {
		values, err := got.Values(t.Context(), prefix)
		found := map[string]Value{}
		for _, v := range values {
			found[v.Key] = v
		}
		want := maps.Clone(m.values)
		maps.DeleteFunc(want, func(key string, _ Value) bool { return !strings.HasPrefix(key, prefix) })
		if err != nil || !maps.EqualFunc(found, want, sameValue) || !slices.IsSortedFunc(values, func(a, b Value) int { return strings.Compare(a.Key, b.Key) }) {
			t.Errorf("values of %q: got %v, %v, want %v", prefix, values, err, want)
		}
		for _, v := range want {
			if one, err := got.Value(t.Context(), v.Key); err != nil || !sameValue(one, v) {
				t.Errorf("value of %s: got %v, %v, want %v", v.Key, one, err, v)
			}
		}
	}
	if v, err := got.Value(t.Context(), "none"); err != state.ErrNotFound { //nolint:errorlint // promised to be the error itself
		t.Errorf("a key without value: got %v, %v", v, err)
	}
}

func sameValue(a, b Value) bool {
	return a.Key == b.Key && a.Revision == b.Revision && bytes.Equal(a.Data, b.Data)
}

// Any series of calls, in batches of any size, with restarts and restores in
// between, does what the model does.
func TestMachineDoesWhatTheModelDoes(t *testing.T) {
	for seed := range uint64(15) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // repeatable on purpose
			dir := t.TempDir()
			m, want := testMachine(t, dir), newModel()
			index := uint64(0)
			for range 40 {
				var logs []*raft.Log
				var results [][]error
				for range 1 + r.IntN(5) {
					index++
					var ops []Op
					for range 1 + r.IntN(4) {
						ops = append(ops, want.randomOp(r))
					}
					atomic := r.IntN(2) == 0
					logs = append(logs, atomicCommand(t, atomic, index, 1, index, ops...))
					results = append(results, want.apply(index, atomic, ops))
				}
				for i, reply := range m.ApplyBatch(logs) {
					errs, err := UnpackResults(reply.(Reply).Packed, len(results[i]))
					if err != nil || !slices.Equal(errs, results[i]) {
						t.Fatalf("entry %d: got %v, %v, want %v", logs[i].Index, errs, err, results[i])
					}
				}
				switch r.IntN(12) {
				case 0:
					if err := m.Close(); err != nil {
						t.Fatal(err)
					}
					m = testMachine(t, dir)
				case 1:
					if err := restoreBytes(m, takeSnapshot(t, m)); err != nil {
						t.Fatal(err)
					}
				}
			}
			want.compare(t, m)
		})
	}
}

// A snapshot whose indexes or counter disagree with its pins is no state.
func TestInconsistentSnapshotsAreRefused(t *testing.T) {
	m := testMachine(t, t.TempDir())
	named := plainPin(1)
	named.Name = "name"
	m.Apply(command(t, 1, 1, 1, PinOp(named), PinOp(plainPin(2))))
	all := dump(t, m.Store)
	nameKey := string(indexKeys(named)[0])
	for what, change := range map[string]func(map[string]string){
		"index key missing":  func(s map[string]string) { delete(s, nameKey) },
		"index key too many": func(s map[string]string) { s[nameKey+"x"] = "" },
		"pin missing":        func(s map[string]string) { delete(s, string(pinKey(named.Cid))) },
		"pin too many":       func(s map[string]string) { s["pxx"] = s[string(pinKey(named.Cid))] },
		"wrong count":        func(s map[string]string) { s[metaCount] = "\x00\x00\x00\x00\x00\x00\x00\x03" },
		"bad member":         func(s map[string]string) { s["bx"] = "" },
	} {
		records := maps.Clone(all)
		change(records)
		var b bytes.Buffer
		w, err := newStreamWriter(&b, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range slices.Sorted(maps.Keys(records)) {
			if err := w.record([]byte(k), []byte(records[k])); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.finish(); err != nil {
			t.Fatal(err)
		}
		if err := restoreBytes(m, b.Bytes()); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: got error %v, want ErrCorrupt", what, err)
		}
	}
	if !maps.Equal(dump(t, m.Store), all) {
		t.Error("a refused snapshot changed the state")
	}
}
