package pinset

import (
	"encoding/binary"
	"errors"
	"testing"
)

// FuzzDecode: what the decoders of log and state accept has one meaning and can be read back, and what they refuse is
// corrupt.
func FuzzDecode(f *testing.F) {
	good := goldenEntry(f)
	f.Add(good)
	f.Add(goldenValues(f))
	f.Add(goldenCharges(f))
	f.Add(good[:len(good)-1])
	f.Add(EncodeEntry(ClientID{}, 0))
	f.Add([]byte{entryVersion})
	pin, err := PinOp(fullPin(f)).payload()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(appendStored(nil, 7, pin))
	f.Add(appendStored(nil, 1<<40, []byte("value")))
	f.Add(encodeOutcome(outcome{index: 300, packed: packResults([]byte{resultOK, resultNotFound})}))
	f.Add(outcomeKey(ClientID{1, 2}, 3))
	f.Fuzz(func(t *testing.T, raw []byte) {
		same := func(what string, err error, again func() []byte) {
			if err != nil && !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: got error %v, want ErrCorrupt", what, err)
			}
			if err != nil {
				return
			}
			if again := again(); string(again) != string(raw) {
				t.Errorf("%s: encodes to %x, was %x", what, again, raw)
			}
		}
		e, err := decodeEntry(raw)
		same("entry", err, func() []byte { return rawEntry(e) })
		v, err := decodeValue("key", raw)
		same("value", err, func() []byte { return appendStored(nil, v.Revision, v.Data) })
		o, err := decodeOutcome(raw)
		same("outcome", err, func() []byte { return encodeOutcome(o) })
		id, seq, err := decodeOutcomeKey(raw)
		same("key of an outcome", err, func() []byte { return append(raw[:1:1], outcomeKey(id, seq)[1:]...) })
		_, revision, err := decodeStored(raw)
		same("pin", err, func() []byte { return appendStored(nil, revision, v.Data) })
		if errs, err := UnpackResults(raw, 4); err == nil && len(errs) != 4 {
			t.Errorf("%d results of 4", len(errs))
		}
	})
}

// rawEntry puts a decoded entry together again from the parts.
func rawEntry(e entry) []byte {
	var calls [][]byte
	for _, call := range e.calls {
		calls = append(calls, rawCall(call))
	}
	return EncodeEntry(e.client, e.seq, calls...)
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
