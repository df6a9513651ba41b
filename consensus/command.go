package consensus

import (
	"encoding/binary"
	"fmt"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
)

// OpKind says what an operation does. The values are part of the log format.
type OpKind byte

const (
	// OpPin adds a pin or replaces the one with the same CID.
	OpPin OpKind = 1
	// OpUnpin removes the pin of a CID. Its result is state.ErrNotFound when
	// there is none.
	OpUnpin OpKind = 2
)

// Op is one operation on the pinset. For OpUnpin only Pin.Cid counts.
type Op struct {
	Kind OpKind
	Pin  api.Pin
}

// PinOp returns the operation that pins p.
func PinOp(p api.Pin) Op { return Op{Kind: OpPin, Pin: p} }

// UnpinOp returns the operation that unpins c.
func UnpinOp(c api.Cid) Op { return Op{Kind: OpUnpin, Pin: api.Pin{Cid: c}} }

// A log entry holds the operations of one or more Commit calls:
//
//	version byte, client ID (16 bytes), uvarint sequence,
//	uvarint operation count, operations
//
// and each operation: kind byte, uvarint length, payload. The payload is a
// stored pin (pin.go) or the bytes of a CID.
const entryVersion = 1

const clientIDLen = 16

// clientID names one life of one peer's batcher.
type clientID [clientIDLen]byte

type entry struct {
	client clientID
	seq    uint64
	ops    []entryOp
}

// entryOp is a decoded operation. Its slices alias the entry's bytes.
type entryOp struct {
	kind  OpKind
	cid   api.Cid
	value []byte // the stored pin, for OpPin
}

// encodeOps returns the operations as they stand in an entry. Errors match
// ErrInvalid.
func encodeOps(ops []Op) ([]byte, error) {
	var b []byte
	for _, op := range ops {
		var payload []byte
		switch op.Kind {
		case OpPin:
			var err error
			if payload, err = encodePin(op.Pin); err != nil {
				return nil, err
			}
		case OpUnpin:
			if !op.Pin.Cid.Defined() {
				return nil, fmt.Errorf("%w: unpin without CID", ErrInvalid)
			}
			payload = op.Pin.Cid.Bytes()
		default:
			return nil, fmt.Errorf("%w: kind %d", ErrInvalid, op.Kind)
		}
		b = appendBytes(append(b, byte(op.Kind)), payload)
	}
	if len(b) > maxCallBytes {
		return nil, fmt.Errorf("%w: %d bytes in one call, at most %d", ErrInvalid, len(b), maxCallBytes)
	}
	return b, nil
}

// encodeEntry joins encoded operations, count of them in all, to an entry.
func encodeEntry(client clientID, seq uint64, count int, bodies ...[]byte) []byte {
	size := 1 + clientIDLen + 2*binary.MaxVarintLen64
	for _, body := range bodies {
		size += len(body)
	}
	b := append(make([]byte, 0, size), entryVersion)
	b = append(b, client[:]...)
	b = binary.AppendUvarint(b, seq)
	b = binary.AppendUvarint(b, uint64(count))
	for _, body := range bodies {
		b = append(b, body...)
	}
	return b
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
		r.fail("no operations")
	}
	e.ops = make([]entryOp, 0, count)
	for i := range count {
		kind, payload := r.take(1), r.bytes()
		if r.err != nil {
			break
		}
		op, err := decodeOp(OpKind(kind[0]), payload)
		if err != nil {
			return entry{}, fmt.Errorf("decode entry: operation %d: %w", i, err)
		}
		e.ops = append(e.ops, op)
	}
	if err := r.end(); err != nil {
		return entry{}, fmt.Errorf("decode entry: %w", err)
	}
	return e, nil
}

func decodeOp(kind OpKind, payload []byte) (entryOp, error) {
	switch kind {
	case OpPin:
		p, err := decodePin(payload)
		if err != nil {
			return entryOp{}, err
		}
		return entryOp{kind: kind, cid: p.Cid, value: payload}, nil
	case OpUnpin:
		c, err := api.CastCid(payload)
		if err != nil {
			return entryOp{}, fmt.Errorf("%w: CID: %w", ErrCorrupt, err)
		}
		return entryOp{kind: kind, cid: c}, nil
	default:
		return entryOp{}, fmt.Errorf("%w: kind %d", ErrCorrupt, kind)
	}
}

// The results of an entry's operations travel and are kept in packed form:
// uvarint count, then for each operation that failed: uvarint position, code.
// Almost all succeed, so this is a few bytes for any number of operations.
const (
	resultOK       = 0
	resultNotFound = 1
)

func packResults(codes []byte) []byte {
	b := binary.AppendUvarint(nil, uint64(len(codes)))
	for i, code := range codes {
		if code != resultOK {
			b = append(binary.AppendUvarint(b, uint64(i)), code)
		}
	}
	return b
}

// unpackResults returns one error, or nil, for each of the want operations.
func unpackResults(packed []byte, want int) ([]error, error) {
	r := reader{buf: packed}
	if n := r.uvarint(); r.err == nil && n != uint64(want) {
		r.fail("%d results for %d operations", n, want)
	}
	errs := make([]error, want)
	for len(r.buf) > 0 {
		i, code := r.uvarint(), r.take(1)
		if r.err != nil {
			break
		}
		if i >= uint64(want) || code[0] != resultNotFound {
			r.fail("result %d of operation %d", code[0], i)
			break
		}
		errs[i] = state.ErrNotFound
	}
	if r.err != nil {
		return nil, fmt.Errorf("decode results: %w", r.err)
	}
	return errs, nil
}
