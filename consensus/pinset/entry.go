package pinset

import (
	"encoding/binary"
	"fmt"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"
)

// A log entry holds one or more calls, each a series of operations:
//
//	version byte, client ID (16 bytes), uvarint sequence,
//	uvarint call count, calls
//
// each call: flags byte (1: atomic), uvarint operation count, operations;
// each operation: kind byte, uvarint revision if the kind has its high bit set,
// uvarint length and charge (quota.go) if it has the next one, uvarint length,
// payload. The payload is
//
//	pin:           a pin (pin.go)
//	unpin:         the bytes of a CID
//	set member:    uvarint length, peer ID, record
//	delete member: uvarint length, peer ID
//	set value:     uvarint length, key, data
//	delete value:  uvarint length, key
//	settle:        uvarint bytes, uvarint length, the bytes of a CID
const (
	entryVersion = 1
	flagAtomic   = 1
)

const clientIDLen = 16

// ClientID names one life of one proposer of entries.
type ClientID [clientIDLen]byte

// MaxCallBytes bounds the encoded operations of one call, well below the log
// store's own limit for an entry.
const MaxCallBytes = 8 << 20

type entry struct {
	client ClientID
	seq    uint64
	calls  []entryCall
}

type entryCall struct {
	atomic bool
	ops    []entryOp
}

// entryOp is a decoded operation. Its slices alias the entry's bytes.
type entryOp struct {
	kind         OpKind
	hasCondition bool
	revision     uint64
	charge       *Charge // of OpPin, or nil

	pin    api.Pin // OpPin; its Cid for OpUnpin and OpSettle too
	bytes  uint64  // OpSettle
	value  []byte  // the encoded pin, or the data of a key
	key    string
	member MemberRecord
}

// EncodeCall returns a series of operations as it stands in an entry. With
// atomic, all of them take effect or none. Errors match ErrInvalid.
func EncodeCall(atomic bool, ops ...Op) ([]byte, error) {
	b := []byte{0}
	if atomic {
		b[0] = flagAtomic
	}
	b = binary.AppendUvarint(b, uint64(len(ops)))
	for _, op := range ops {
		payload, err := op.payload()
		if err != nil {
			return nil, err
		}
		b = appendBytes(op.appendHead(b), payload)
	}
	if len(b) > MaxCallBytes {
		return nil, fmt.Errorf("%w: %d bytes in one call, at most %d", ErrInvalid, len(b), MaxCallBytes)
	}
	return b, nil
}

// appendHead appends what stands before the payload.
func (o Op) appendHead(b []byte) []byte {
	kind := byte(o.Kind)
	if o.hasCondition {
		kind |= conditional
	}
	if o.charge != nil {
		kind |= charged
	}
	b = append(b, kind)
	if o.hasCondition {
		b = binary.AppendUvarint(b, o.revision)
	}
	if o.charge != nil {
		b = appendBytes(b, o.charge.encode())
	}
	return b
}

// EncodeEntry joins encoded calls to an entry.
func EncodeEntry(client ClientID, seq uint64, calls ...[]byte) []byte {
	size := 1 + clientIDLen + 2*binary.MaxVarintLen64
	for _, c := range calls {
		size += len(c)
	}
	b := append(make([]byte, 0, size), entryVersion)
	b = append(b, client[:]...)
	b = binary.AppendUvarint(b, seq)
	b = binary.AppendUvarint(b, uint64(len(calls)))
	for _, c := range calls {
		b = append(b, c...)
	}
	return b
}

// CheckEntry reports, as an error that matches ErrCorrupt, why an entry could
// not be applied. Such an entry must never reach the log.
func CheckEntry(data []byte) error {
	_, err := decodeEntry(data)
	return err
}

// OnlyRemoves reports whether an entry can only make the state smaller.
func OnlyRemoves(data []byte) bool {
	e, err := decodeEntry(data)
	if err != nil {
		return false
	}
	for _, call := range e.calls {
		for _, op := range call.ops {
			if !op.kind.removes() {
				return false
			}
		}
	}
	return true
}

// decodeEntry reads an entry strictly: whatever it accepts can be applied and
// read back. Errors match ErrCorrupt.
func decodeEntry(data []byte) (entry, error) {
	var e entry
	r := reader{buf: data}
	if v := r.take(1); r.err == nil && v[0] != entryVersion {
		return entry{}, fmt.Errorf("decode entry: %w: version %d", ErrCorrupt, v[0])
	}
	copy(e.client[:], r.take(clientIDLen))
	e.seq = r.uvarint()
	count := r.count(2)
	if r.err == nil && count == 0 {
		r.fail("no calls")
	}
	for range count {
		call, err := decodeCall(&r)
		if err != nil {
			return entry{}, fmt.Errorf("decode entry: %w", err)
		}
		e.calls = append(e.calls, call)
	}
	if err := r.end(); err != nil {
		return entry{}, fmt.Errorf("decode entry: %w", err)
	}
	return e, nil
}

func decodeCall(r *reader) (entryCall, error) {
	flags, count := r.take(1), r.count(2)
	if r.err == nil && (flags[0] > flagAtomic || count == 0) {
		r.fail("call of %d operations with flags %x", count, flags[0])
	}
	if r.err != nil {
		return entryCall{}, r.err
	}
	call := entryCall{atomic: flags[0] == flagAtomic, ops: make([]entryOp, 0, count)}
	for i := range count {
		op, err := decodeHead(r)
		payload := r.bytes()
		if err == nil {
			err = r.err
		}
		if err == nil {
			err = op.decode(payload)
		}
		if err != nil {
			return entryCall{}, fmt.Errorf("operation %d: %w", i, err)
		}
		call.ops = append(call.ops, op)
	}
	return call, nil
}

// decodeHead reads what stands before the payload.
func decodeHead(r *reader) (op entryOp, err error) {
	kind := r.take(1)
	if r.err != nil {
		return op, r.err
	}
	op.kind = OpKind(kind[0] &^ (conditional | charged))
	op.hasCondition = kind[0]&conditional != 0
	if op.hasCondition {
		op.revision = r.uvarint()
	}
	if kind[0]&charged != 0 {
		op.charge, err = decodeCharge(r.bytes(), op.kind)
	}
	return op, err
}

func (op *entryOp) decode(payload []byte) (err error) {
	if op.hasCondition && !op.kind.hasRevision() {
		return fmt.Errorf("%w: condition on kind %d", ErrCorrupt, op.kind)
	}
	switch op.kind {
	case OpPin:
		op.value = payload
		op.pin, err = decodePin(payload)
		return err
	case OpUnpin:
		if op.pin.Cid, err = api.CastCid(payload); err != nil {
			return fmt.Errorf("%w: CID: %w", ErrCorrupt, err)
		}
		return nil
	case OpSettle:
		r := reader{buf: payload}
		op.bytes = r.uvarint()
		raw := r.bytes()
		if err := r.end(); err != nil {
			return fmt.Errorf("size: %w", err)
		}
		if op.pin.Cid, err = api.CastCid(raw); err != nil {
			return fmt.Errorf("%w: CID: %w", ErrCorrupt, err)
		}
		return nil
	case OpSetMember, OpDelMember:
		return op.decodeMember(payload)
	case OpSetValue, OpDelValue:
		return op.decodeValue(payload)
	default:
		return fmt.Errorf("%w: kind %d", ErrCorrupt, op.kind)
	}
}

func (op *entryOp) decodeMember(payload []byte) error {
	r := reader{buf: payload}
	raw := r.bytes()
	if op.kind == OpDelMember {
		r.err = r.end()
	}
	if r.err != nil {
		return fmt.Errorf("member record: %w", r.err)
	}
	id, err := peer.IDFromBytes(raw)
	if err != nil {
		return fmt.Errorf("%w: peer ID: %w", ErrCorrupt, err)
	}
	if len(r.buf) > MaxRecordBytes {
		return fmt.Errorf("%w: record of %d bytes", ErrCorrupt, len(r.buf))
	}
	op.member = MemberRecord{ID: id, Record: r.buf}
	return nil
}

func (op *entryOp) decodeValue(payload []byte) error {
	r := reader{buf: payload}
	op.key = string(r.bytes())
	if op.kind == OpDelValue {
		r.err = r.end()
	}
	if r.err != nil {
		return fmt.Errorf("value: %w", r.err)
	}
	op.value = r.buf
	if err := (Value{Key: op.key, Data: op.value}).check(); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}

// describe names what the operation is about, for error messages.
func (op *entryOp) describe() string {
	switch op.kind {
	case OpPin, OpUnpin, OpSettle:
		return op.pin.Cid.String()
	case OpSetValue, OpDelValue:
		return op.key
	default:
		return op.member.ID.String()
	}
}
