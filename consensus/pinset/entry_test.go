package pinset

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/libp2p/go-libp2p/core/peer"
)

func TestPinKeepsEveryField(t *testing.T) {
	full := fullPin(t)
	with := func(f func(*api.Pin)) api.Pin {
		p := full
		f(&p)
		return p
	}
	for name, p := range map[string]api.Pin{
		"full":                       full,
		"recursive":                  with(func(p *api.Pin) { p.Mode, p.MaxDepth = api.PinModeRecursive, -1 }),
		"direct with contrary depth": with(func(p *api.Pin) { p.MaxDepth = -1 }),
		"odd depth":                  with(func(p *api.Pin) { p.MaxDepth = 5 }),
		"no type":                    with(func(p *api.Pin) { p.Type = 0 }),
		"bad type":                   with(func(p *api.Pin) { p.Type = api.BadType }),
		"all types":                  with(func(p *api.Pin) { p.Type = api.AllType }),
		"no expiry":                  with(func(p *api.Pin) { p.ExpireAt = time.Time{} }),
		"expired long ago":           with(func(p *api.Pin) { p.ExpireAt = time.Unix(-5, 0).UTC() }),
		"no timestamp":               with(func(p *api.Pin) { p.Timestamp = time.Time{} }),
		"everywhere":                 with(func(p *api.Pin) { p.ReplicationFactorMin, p.ReplicationFactorMax = -1, -1 }),
		"no reference":               with(func(p *api.Pin) { p.Reference = nil }),
		"no update":                  with(func(p *api.Pin) { p.PinUpdate = api.CidUndef }),
		"no user allocations":        with(func(p *api.Pin) { p.UserAllocations = nil }),
		"no metadata":                with(func(p *api.Pin) { p.Metadata = nil }),
		"no origins":                 with(func(p *api.Pin) { p.Origins = []api.Multiaddr{} }),
		"no name":                    with(func(p *api.Pin) { p.Name = "" }),
		"plain":                      plainPin(1),
	} {
		t.Run(name, func(t *testing.T) {
			b, err := encodePin(p)
			if err != nil {
				t.Fatal(err)
			}
			got, err := decodePin(b)
			if err != nil {
				t.Fatal(err)
			}
			if p.Origins == nil {
				p.Origins = []api.Multiaddr{} // the library's form of none
			}
			if !reflect.DeepEqual(got, p) {
				t.Errorf("got  %+v\nwant %+v", got, p)
			}
		})
	}
}

func TestUnstorableOpsAreRefused(t *testing.T) {
	with := func(f func(*api.Pin)) Op {
		p := plainPin(1)
		f(&p)
		return PinOp(p)
	}
	for name, op := range map[string]Op{
		"no CID":                   with(func(p *api.Pin) { p.Cid = api.CidUndef }),
		"unpin without CID":        UnpinOp(api.CidUndef),
		"no kind":                  {Pin: plainPin(1)},
		"member without ID":        SetMemberOp("", nil),
		"garbage member ID":        DelMemberOp("garbage"),
		"large member record":      SetMemberOp(testPeer(1), make([]byte, MaxRecordBytes+1)),
		"condition on a member":    DelMemberOp(testPeer(1)).IfRevision(1),
		"value without a key":      SetValueOp("", nil),
		"key that is not UTF-8":    DelValueOp("\xff"),
		"long key":                 DelValueOp(strings.Repeat("k", MaxKeyBytes+1)),
		"large value":              SetValueOp("key", make([]byte, MaxValueBytes+1)),
		"unknown kind":             {Kind: 9, Pin: plainPin(1)},
		"empty allocation":         with(func(p *api.Pin) { p.Allocations = []peer.ID{""} }),
		"empty user allocation":    with(func(p *api.Pin) { p.UserAllocations = []peer.ID{""} }),
		"garbage user allocation":  with(func(p *api.Pin) { p.UserAllocations = []peer.ID{"garbage"} }),
		"empty origin":             with(func(p *api.Pin) { p.Origins = []api.Multiaddr{{}} }),
		"name that is not UTF-8":   with(func(p *api.Pin) { p.Name = "\xff" }),
		"replication out of range": with(func(p *api.Pin) { p.ReplicationFactorMin = math.MaxInt32 + 1 }),
		"negative mode":            with(func(p *api.Pin) { p.Mode = -1 }),
		"too large":                with(func(p *api.Pin) { p.Name = strings.Repeat("x", MaxCallBytes) }),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := EncodeCall(false, PinOp(plainPin(2)), op); !errors.Is(err, ErrInvalid) {
				t.Errorf("got error %v, want ErrInvalid", err)
			}
		})
	}
}

// goldenValues is an entry with operations on values.
func goldenValues(t testing.TB) []byte {
	t.Helper()
	call, err := EncodeCall(true, SetValueOp("space/key", []byte("data")).IfRevision(7), DelValueOp("other"), SetValueOp("empty", nil))
	if err != nil {
		t.Fatal(err)
	}
	return EncodeEntry(ClientID{1, 2, 3}, 301, call)
}

func TestValueEntryGolden(t *testing.T) {
	golden(t, "entry-values-v1", goldenValues(t))
	data, err := os.ReadFile(filepath.Join("testdata", "entry-values-v1"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := decodeEntry(data)
	if err != nil {
		t.Fatal(err)
	}
	ops := e.calls[0].ops
	if ops[0].key != "space/key" || string(ops[0].value) != "data" || !ops[0].hasCondition || ops[0].revision != 7 {
		t.Errorf("got %+v", ops[0])
	}
	if ops[1].kind != OpDelValue || ops[1].key != "other" || ops[2].key != "empty" || len(ops[2].value) != 0 {
		t.Errorf("got %+v", ops[1:])
	}
}

// goldenEntry is an entry with operations of each kind on pins and members, in two calls.
func goldenEntry(t testing.TB) []byte {
	t.Helper()
	one, err := EncodeCall(false, PinOp(fullPin(t)), UnpinOp(testCid(5)), PinOp(plainPin(6)))
	if err != nil {
		t.Fatal(err)
	}
	two, err := EncodeCall(true, PinOp(plainPin(7)).IfRevision(0), UnpinOp(testCid(8)).IfRevision(300),
		SetMemberOp(testPeer(1), []byte("record")), DelMemberOp(testPeer(2)))
	if err != nil {
		t.Fatal(err)
	}
	return EncodeEntry(ClientID{1, 2, 3}, 300, one, two)
}

func TestEntryGolden(t *testing.T) {
	golden(t, "entry-v1", goldenEntry(t))
	data, err := os.ReadFile(filepath.Join("testdata", "entry-v1"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := decodeEntry(data)
	if err != nil {
		t.Fatal(err)
	}
	if e.client != (ClientID{1, 2, 3}) || e.seq != 300 || len(e.calls) != 2 || e.calls[0].atomic || !e.calls[1].atomic {
		t.Fatalf("got %+v", e)
	}
	if p := e.calls[0].ops[0].pin; !reflect.DeepEqual(p, fullPin(t)) {
		t.Errorf("got %+v", p)
	}
	if ops := e.calls[0].ops; ops[1].kind != OpUnpin || ops[1].pin.Cid != testCid(5) || ops[2].pin.Cid != testCid(6) {
		t.Errorf("got %+v", ops)
	}
	ops := e.calls[1].ops
	if !ops[0].hasCondition || ops[0].revision != 0 || !ops[1].hasCondition || ops[1].revision != 300 || ops[1].kind != OpUnpin {
		t.Errorf("got %+v", ops)
	}
	if m := ops[2].member; m.ID != testPeer(1) || string(m.Record) != "record" || ops[3].member.ID != testPeer(2) || ops[3].kind != OpDelMember {
		t.Errorf("got %+v", ops)
	}
}

func TestBadEntriesAreRefused(t *testing.T) {
	good := goldenEntry(t)
	head := good[:1+clientIDLen]
	join := func(parts ...[]byte) []byte {
		var b []byte
		for _, p := range parts {
			b = append(b, p...)
		}
		return b
	}
	cases := map[string][]byte{
		"empty":              {},
		"other version":      join([]byte{2}, good[1:]),
		"trailing byte":      join(good, []byte{0}),
		"no calls":           join(head, []byte{1, 0}),
		"no operations":      join(head, []byte{1, 1, 0, 0}),
		"unknown flags":      join(head, []byte{1, 1, 2, 1, byte(OpUnpin), 0}),
		"lying call count":   join(head, []byte{1}, binary.AppendUvarint(nil, math.MaxUint64)),
		"lying op count":     join(head, []byte{1, 1, 0}, binary.AppendUvarint(nil, math.MaxUint64)),
		"lying length":       join(head, []byte{1, 1, 0, 1, byte(OpUnpin)}, binary.AppendUvarint(nil, 1<<62)),
		"long form number":   join(head, []byte{0x81, 0x00}, good[1+clientIDLen+2:]),
		"overflowing number": join(head, []byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}),
		"unknown kind":       join(head, []byte{1, 1, 0, 1, 7, 0}),
		"garbage CID":        join(head, []byte{1, 1, 0, 1, byte(OpUnpin), 3, 1, 2, 3}),
		"garbage pin":        join(head, []byte{1, 1, 0, 1, byte(OpPin), 3, 1, 2, 3}),
		"empty pin":          join(head, []byte{1, 1, 0, 1, byte(OpPin), 4, 0, 2, 0, 0}),
		"garbage peer":       join(head, []byte{1, 1, 0, 1, byte(OpSetMember), 3, 2, 1, 2}),
		"empty key":          join(head, []byte{1, 1, 0, 1, byte(OpSetValue), 1, 0}),
		"garbage key":        join(head, []byte{1, 1, 0, 1, byte(OpSetValue), 2, 1, 0xff}),
		"deleted with data":  join(head, []byte{1, 1, 0, 1, byte(OpDelValue), 3, 1, 'k', 'd'}),
		"member condition":   join(head, []byte{1, 1, 0, 1, byte(OpDelMember) | conditional, 1, 0}),
	}
	for name, data := range cases {
		t.Run(name, func(t *testing.T) {
			if e, err := decodeEntry(data); !errors.Is(err, ErrCorrupt) {
				t.Errorf("got %+v, error %v, want ErrCorrupt", e, err)
			}
		})
	}
	for n := range good {
		if _, err := decodeEntry(good[:n]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut after %d bytes: got error %v, want ErrCorrupt", n, err)
		}
	}
}

// What the decoder accepts has one meaning and can be read back.
func FuzzDecodeEntry(f *testing.F) {
	good := goldenEntry(f)
	f.Add(good)
	f.Add(goldenValues(f))
	f.Add(goldenCharges(f))
	f.Add(good[:len(good)-1])
	f.Add(EncodeEntry(ClientID{}, 0))
	f.Add([]byte{entryVersion})
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := decodeEntry(data)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("got error %v, want ErrCorrupt", err)
			}
			return
		}
		var calls [][]byte
		for _, call := range e.calls {
			calls = append(calls, rawCall(call))
		}
		if again := EncodeEntry(e.client, e.seq, calls...); string(again) != string(data) {
			t.Errorf("encodes to %x, was %x", again, data)
		}
	})
}

// rawCall puts a decoded call together again from the parts.
func rawCall(call entryCall) []byte {
	b := []byte{0}
	if call.atomic {
		b[0] = flagAtomic
	}
	b = binary.AppendUvarint(b, uint64(len(call.ops)))
	for _, op := range call.ops {
		kind := len(b)
		if b = append(b, byte(op.kind)); op.hasCondition {
			b[kind] |= conditional
			b = binary.AppendUvarint(b, op.revision)
		}
		if op.charge != nil {
			b[kind] |= charged
			b = appendBytes(b, op.charge.encode())
		}
		payload := op.value
		switch op.kind {
		case OpUnpin:
			payload = op.pin.Cid.Bytes()
		case OpSettle:
			payload = appendBytes(binary.AppendUvarint(nil, op.bytes), op.pin.Cid.Bytes())
		case OpSetMember, OpDelMember:
			payload = append(appendBytes(nil, []byte(op.member.ID)), op.member.Record...)
		case OpSetValue, OpDelValue:
			payload = append(appendBytes(nil, []byte(op.key)), op.value...)
		}
		b = appendBytes(b, payload)
	}
	return b
}

func TestResults(t *testing.T) {
	codes := make([]byte, 600)
	codes[0], codes[300], codes[599] = resultNotFound, resultNotFound, resultNotFound
	errs, err := UnpackResults(packResults(codes), 600)
	if err != nil {
		t.Fatal(err)
	}
	for i, err := range errs {
		if want := codes[i] != resultOK; want != errors.Is(err, state.ErrNotFound) {
			t.Errorf("operation %d: got %v", i, err)
		}
	}
	for name, b := range map[string][]byte{
		"empty": {}, "other count": packResults(codes[:5]), "position out of range": {3, 3, resultNotFound},
		"unknown code": {3, 0, 9}, "cut off": {3, 0},
	} {
		if _, err := UnpackResults(b, 3); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: got error %v, want ErrCorrupt", name, err)
		}
	}
}
