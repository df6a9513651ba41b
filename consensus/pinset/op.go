package pinset

import (
	"encoding/binary"
	"fmt"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"
)

// OpKind says what an operation does. The values are part of the log format.
type OpKind byte

const (
	// OpPin adds a pin or replaces the one with the same CID.
	OpPin OpKind = 1
	// OpUnpin removes the pin of a CID. Its result is state.ErrNotFound when
	// there is none.
	OpUnpin OpKind = 2
	// OpSetMember sets the record of a peer. An equal record stays as it is.
	OpSetMember OpKind = 3
	// OpDelMember deletes the record of a peer, if there is one.
	OpDelMember OpKind = 4
	// OpSetValue sets the value of a key.
	OpSetValue OpKind = 5
	// OpDelValue deletes the value of a key. Its result is state.ErrNotFound when
	// there is none.
	OpDelValue OpKind = 6
	// OpSettle says how many bytes a pin has that counts for an account and was
	// made before that was known. When they are too many, the pin is removed, and
	// the result is ErrOverBytes. It is state.ErrNotFound when nothing is open.
	OpSettle OpKind = 7
)

const (
	// conditional marks the kind byte of an operation that carries a revision.
	conditional = 0x80
	// charged marks the kind byte of a pin that counts for an account.
	charged = 0x40
)

// MaxRecordBytes bounds a member record.
const MaxRecordBytes = 4096

// MemberRecord is what the cluster remembers of a peer, such as its addresses.
// The state machine does not look into it.
type MemberRecord struct {
	ID     peer.ID
	Record []byte
}

// Op is one operation. For OpUnpin only Pin.Cid counts, for OpDelMember only
// Member.ID, for OpDelValue only Value.Key.
type Op struct {
	Kind   OpKind
	Pin    api.Pin
	Member MemberRecord
	Value  Value
	Bytes  uint64 // that the pin has, for OpSettle

	hasCondition bool
	revision     uint64
	charge       *Charge
}

// PinOp returns the operation that pins p.
func PinOp(p api.Pin) Op { return Op{Kind: OpPin, Pin: p} }

// UnpinOp returns the operation that unpins c.
func UnpinOp(c api.Cid) Op { return Op{Kind: OpUnpin, Pin: api.Pin{Cid: c}} }

// SettleOp returns the operation that says how many bytes the pin of c has.
func SettleOp(c api.Cid, bytes uint64) Op {
	return Op{Kind: OpSettle, Pin: api.Pin{Cid: c}, Bytes: bytes}
}

// SetMemberOp returns the operation that sets the record of a peer.
func SetMemberOp(id peer.ID, record []byte) Op {
	return Op{Kind: OpSetMember, Member: MemberRecord{ID: id, Record: record}}
}

// DelMemberOp returns the operation that deletes the record of a peer.
func DelMemberOp(id peer.ID) Op { return Op{Kind: OpDelMember, Member: MemberRecord{ID: id}} }

// SetValueOp returns the operation that sets the value of a key.
func SetValueOp(key string, data []byte) Op {
	return Op{Kind: OpSetValue, Value: Value{Key: key, Data: data}}
}

// DelValueOp returns the operation that deletes the value of a key.
func DelValueOp(key string) Op { return Op{Kind: OpDelValue, Value: Value{Key: key}} }

// IfRevision returns o with a condition, not for member records: o takes effect
// if the revision of its CID or key is n when it is applied, where 0 stands for
// absent. Its result is ErrConflict otherwise.
func (o Op) IfRevision(n uint64) Op {
	o.hasCondition, o.revision = true, n
	return o
}

// For returns o, which must pin, such that the pin counts for an account if it is new: see Charge. Its
// result is ErrOverPins or ErrOverBytes when the account has no room.
func (o Op) For(c Charge) Op {
	o.charge = &c
	return o
}

// Removes reports whether the operation can only make the state smaller.
func (o Op) Removes() bool { return o.Kind.removes() }

func (k OpKind) removes() bool { return k == OpUnpin || k == OpDelMember || k == OpDelValue }

// hasRevision reports whether what the operation acts on has revisions.
func (k OpKind) hasRevision() bool { return k != OpSetMember && k != OpDelMember }

// payload returns the operation's content as it stands in an entry.
func (o Op) payload() ([]byte, error) {
	if o.hasCondition && !o.Kind.hasRevision() {
		return nil, fmt.Errorf("%w: condition on kind %d", ErrInvalid, o.Kind)
	}
	if o.charge != nil {
		if err := o.charge.check(o.Kind); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	switch o.Kind {
	case OpPin:
		return encodePin(o.Pin)
	case OpSettle:
		if !o.Pin.Cid.Defined() {
			return nil, fmt.Errorf("%w: size without CID", ErrInvalid)
		}
		return appendBytes(binary.AppendUvarint(nil, o.Bytes), o.Pin.Cid.Bytes()), nil
	case OpUnpin:
		if !o.Pin.Cid.Defined() {
			return nil, fmt.Errorf("%w: unpin without CID", ErrInvalid)
		}
		return o.Pin.Cid.Bytes(), nil
	case OpSetMember, OpDelMember:
		if _, err := peer.IDFromBytes([]byte(o.Member.ID)); err != nil {
			return nil, fmt.Errorf("%w: peer ID: %w", ErrInvalid, err)
		}
		b := appendBytes(nil, []byte(o.Member.ID))
		if o.Kind == OpDelMember {
			return b, nil
		}
		if len(o.Member.Record) > MaxRecordBytes {
			return nil, fmt.Errorf("%w: record of %d bytes, at most %d", ErrInvalid, len(o.Member.Record), MaxRecordBytes)
		}
		return append(b, o.Member.Record...), nil
	case OpSetValue, OpDelValue:
		if err := o.Value.check(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		b := appendBytes(nil, []byte(o.Value.Key))
		if o.Kind == OpDelValue {
			return b, nil
		}
		return append(b, o.Value.Data...), nil
	default:
		return nil, fmt.Errorf("%w: kind %d", ErrInvalid, o.Kind)
	}
}
