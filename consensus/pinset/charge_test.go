package pinset

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/raft"
	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
)

// teller applies calls one after the other, each in an entry of its own.
type teller struct {
	*testing.T
	machine *Machine
	last    uint64
}

func newTeller(t *testing.T) *teller { return &teller{t, testMachine(t, t.TempDir()), 0} }

func (b *teller) do(atomic bool, ops ...Op) []error {
	b.Helper()
	body, err := EncodeCall(atomic, ops...)
	if err != nil {
		b.Fatal(err)
	}
	b.last++
	entry := EncodeEntry(ClientID{1}, b.last, body)
	reply, ok := b.machine.Apply(&raft.Log{Index: b.last, Type: raft.LogCommand, Data: entry}).(Reply)
	if !ok || reply.Err != nil {
		b.Fatalf("entry %d: %v", b.last, reply.Err)
	}
	errs, err := UnpackResults(reply.Packed, len(ops))
	if err != nil {
		b.Fatal(err)
	}
	return errs
}

// gives checks the result of one operation.
func (b *teller) gives(want error, op Op) {
	b.Helper()
	if got := b.do(false, op)[0]; !errors.Is(got, want) {
		b.Errorf("operation on %s: %v, want %v", op.Pin.Cid, got, want)
	}
}

// has checks what counts for an account.
func (b *teller) has(name string, pins, bytes uint64) {
	b.Helper()
	got, err := b.machine.Account(name)
	if err != nil || got.Pins != pins || got.Bytes != bytes {
		b.Errorf("account %s has %+v (%v), want %d pins and %d bytes", name, got, err, pins, bytes)
	}
}

func (b *teller) unsettled(want ...api.Cid) {
	b.Helper()
	got, err := b.machine.Unsettled(b.Context(), api.CidUndef, 100)
	slices.SortFunc(want, func(x, y api.Cid) int { return bytes.Compare(x.Bytes(), y.Bytes()) })
	if err != nil || !slices.Equal(got, want) {
		b.Errorf("without a size are %v (%v), want %v", got, err, want)
	}
}

func ofSize(name string, n, size, maxPins, maxBytes uint64) Op {
	return PinOp(plainPin(int(n))).For(Charge{name, maxPins, maxBytes, size, true}) //nolint:gosec // small
}

func ofUnknownSize(name string, n int, maxPins, maxBytes uint64) Op {
	return PinOp(plainPin(n)).For(Charge{Account: name, MaxPins: maxPins, MaxBytes: maxBytes})
}

// What an account has room for is pinned, what it has none for changes nothing, and an unpin by whomever gives back.
func TestPinsCountForAnAccount(t *testing.T) {
	b := newTeller(t)
	b.gives(nil, ofSize("a", 1, 60, 2, 100))
	b.gives(ErrOverBytes, ofSize("a", 2, 41, 2, 100))
	b.gives(nil, ofSize("a", 2, 40, 2, 100))
	b.has("a", 2, 100)
	b.gives(ErrOverPins, ofSize("a", 3, 0, 2, 100))
	b.gives(nil, ofSize("b", 3, 1000, 0, 0))
	b.has("b", 1, 1000)
	if _, err := b.machine.Get(t.Context(), testCid(2)); err != nil {
		t.Error(err)
	}
	b.gives(nil, UnpinOp(testCid(1)))
	b.has("a", 1, 40)
	b.gives(state.ErrNotFound, UnpinOp(testCid(1)))
	b.has("a", 1, 40)
	b.gives(nil, ofSize("a", 4, 60, 2, 100))
	b.has("a", 2, 100)
	b.gives(ErrOverPins, ofSize("a", 5, 0, 1, 0)) // a quota that was lowered takes nothing away
	b.has("a", 2, 100)
}

// A pin goes on counting for whom it did, whoever changes it, unless it was direct and becomes recursive.
func TestChangedPinsCountAsBefore(t *testing.T) {
	b := newTeller(t)
	b.gives(nil, PinOp(plainPin(1)))
	b.gives(nil, ofSize("a", 1, 10, 1, 10)) // somebody's already
	b.has("a", 0, 0)
	b.gives(nil, ofSize("a", 2, 10, 1, 10))
	b.gives(nil, ofSize("a", 2, 10, 1, 10)) // counted already
	b.gives(nil, ofSize("b", 2, 10, 1, 10))
	b.gives(nil, PinOp(plainPin(2)))
	b.has("a", 1, 10)
	b.has("b", 0, 0)

	direct := plainPin(3)
	direct.Mode, direct.MaxDepth = api.PinModeDirect, 0
	b.gives(nil, PinOp(direct).For(Charge{"c", 1, 100, 5, true}))
	b.gives(ErrOverBytes, ofSize("d", 3, 60, 1, 50))
	b.has("c", 1, 5)
	b.gives(nil, ofSize("d", 3, 60, 1, 100))
	b.has("c", 0, 0)
	b.has("d", 1, 60)
}

// Pins count with no bytes until somebody says how many they have; those that turn out to be too large are removed.
func TestPinsOfUnknownSize(t *testing.T) {
	b := newTeller(t)
	b.gives(nil, ofUnknownSize("a", 1, 9, 100))
	b.gives(nil, ofUnknownSize("a", 2, 9, 100))
	b.gives(nil, ofUnknownSize("a", 3, 9, 100))
	b.has("a", 3, 0)
	b.unsettled(testCid(1), testCid(2), testCid(3))
	b.gives(nil, SettleOp(testCid(1), 70))
	b.gives(state.ErrNotFound, SettleOp(testCid(1), 5)) // another peer was faster
	b.has("a", 3, 70)
	b.gives(ErrOverBytes, SettleOp(testCid(2), 31))
	b.has("a", 2, 70)
	if _, err := b.machine.Get(t.Context(), testCid(2)); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("a pin that is too large: %v", err)
	}
	if cids, _, ok := b.machine.Removed(0); !ok || !slices.Equal(cids, []api.Cid{testCid(2)}) {
		t.Errorf("removed are %v, %v", cids, ok)
	}
	b.gives(nil, SettleOp(testCid(3), 30))
	b.unsettled()
	b.gives(ErrOverBytes, ofUnknownSize("a", 4, 9, 100)) // there is no room for any
	b.gives(nil, UnpinOp(testCid(1)))
	b.gives(nil, ofUnknownSize("a", 4, 9, 100))
	b.gives(nil, ofSize("a", 4, 20, 9, 100)) // whoever pins it again may know
	b.has("a", 2, 50)
	b.unsettled()
	b.gives(nil, ofUnknownSize("a", 5, 9, 100))
	b.gives(nil, UnpinOp(testCid(5)))
	b.unsettled()
	b.gives(state.ErrNotFound, SettleOp(testCid(5), 1))
	b.gives(nil, PinOp(plainPin(6)))
	b.gives(state.ErrNotFound, SettleOp(testCid(6), 1))
}

// An atomic call that fails counts for nobody, and within a call what goes first makes room.
func TestAtomicCallsCountOnce(t *testing.T) {
	b := newTeller(t)
	b.gives(nil, ofSize("a", 1, 10, 1, 10))
	errs := b.do(true, UnpinOp(testCid(1)), ofSize("a", 2, 11, 1, 10))
	if !errors.Is(errs[0], ErrNotApplied) || !errors.Is(errs[1], ErrOverBytes) {
		t.Errorf("results are %v", errs)
	}
	b.has("a", 1, 10)
	if err := errors.Join(b.do(true, UnpinOp(testCid(1)), ofSize("a", 2, 10, 1, 10))...); err != nil {
		t.Error(err)
	}
	b.has("a", 1, 10)
}

// Whatever is pinned, settled and unpinned in whatever order, no account has more than it may, nothing is lost, and a
// snapshot has the same.
func TestAccountsAddUp(t *testing.T) {
	b := newTeller(t)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test
	names := []string{"a", "b", "c"}
	const maxPins, maxBytes = 10, 500
	for range 3000 {
		n, size, name := 1+random.IntN(40), random.Uint64N(120), names[random.IntN(3)]
		var op Op
		switch random.IntN(5) {
		case 0:
			op = ofSize(name, uint64(n), size, maxPins, maxBytes) //nolint:gosec // small
		case 1:
			op = ofUnknownSize(name, n, maxPins, maxBytes)
		case 2:
			op = SettleOp(testCid(n), size)
		case 3:
			op = UnpinOp(testCid(n))
		default:
			op = PinOp(plainPin(n))
		}
		b.do(random.IntN(2) == 0, op)
		for _, name := range names {
			if got, err := b.machine.Account(name); err != nil || got.Pins > maxPins || got.Bytes > maxBytes {
				t.Fatalf("account %s has %+v, %v", name, got, err)
			}
		}
	}
	sums := make(map[string]Account)
	for _, pin := range listPins(t, b.machine) {
		c, err := b.machine.Counted(pin.Cid)
		if err != nil {
			t.Fatal(err)
		}
		if c.Account != "" {
			sum := sums[c.Account]
			sum.Pins, sum.Bytes = sum.Pins+1, sum.Bytes+c.Bytes
			sums[c.Account] = sum
		}
	}
	for _, name := range names {
		b.has(name, sums[name].Pins, sums[name].Bytes)
	}
	var snapshot bytes.Buffer
	if err := b.machine.Backup(&snapshot); err != nil {
		t.Fatal(err)
	}
	other := testMachine(t, t.TempDir())
	if err := other.Restore(io.NopCloser(&snapshot)); err != nil {
		t.Fatal(err)
	}
	if got, want := dump(t, other.Store), dump(t, b.machine.Store); len(got) != len(want) {
		t.Errorf("%d keys after a restore, want %d", len(got), len(want))
	}
}

// A snapshot whose accounts are not what its pins add up to is refused.
func TestSnapshotWithWrongAccountsIsRefused(t *testing.T) {
	b := newTeller(t)
	b.gives(nil, ofSize("a", 1, 10, 1, 10))
	if err := b.machine.db.Set(accountKey("a"), Account{Pins: 1, Bytes: 9}.encode(), pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	var snapshot bytes.Buffer
	if err := b.machine.Backup(&snapshot); err != nil {
		t.Fatal(err)
	}
	if err := testMachine(t, t.TempDir()).Restore(io.NopCloser(&snapshot)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("restored with %v", err)
	}
	if err := b.machine.db.Set(accountKey("a"), Account{Pins: 1, Bytes: 10}.encode(), pebble.NoSync); err != nil {
		t.Fatal(err)
	}
}

// goldenCharges is an entry with pins that count for an account.
func goldenCharges(t testing.TB) []byte {
	t.Helper()
	call, err := EncodeCall(false, ofSize("token 1", 1, 300, 5, 6000).IfRevision(0), ofUnknownSize("user a", 2, 0, 0), SettleOp(testCid(2), 300))
	if err != nil {
		t.Fatal(err)
	}
	return EncodeEntry(ClientID{1, 2, 3}, 302, call)
}

func TestChargeEntryGolden(t *testing.T) {
	golden(t, "entry-quota-v1", goldenCharges(t))
	if err := CheckEntry(goldenCharges(t)); err != nil {
		t.Error(err)
	}
}

// What a pin and its unpin cost, that count for nobody and for an account.
func BenchmarkPinAndUnpin(b *testing.B) {
	const pins = 512
	for name, charge := range map[string]*Charge{"nobody": nil, "account": {Account: "token 1", MaxPins: pins, MaxBytes: pins, Bytes: 1, Known: true}} {
		b.Run(name, func(b *testing.B) {
			m := testMachine(b, b.TempDir())
			var bodies [2][]byte
			var ops [2][]Op
			for n := range pins {
				pin := PinOp(plainPin(n))
				if charge != nil {
					pin = pin.For(*charge)
				}
				ops[0], ops[1] = append(ops[0], pin), append(ops[1], UnpinOp(testCid(n)))
			}
			for i := range bodies {
				var err error
				if bodies[i], err = EncodeCall(false, ops[i]...); err != nil {
					b.Fatal(err)
				}
			}
			index := uint64(0)
			for b.Loop() {
				for _, body := range bodies {
					index++
					entry := EncodeEntry(ClientID{1}, index, body)
					if reply, ok := m.Apply(&raft.Log{Index: index, Type: raft.LogCommand, Data: entry}).(Reply); !ok || reply.Err != nil {
						b.Fatal(reply.Err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/pins, "ns/pair")
		})
	}
}
