package pinset

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"
)

// A pin in an entry is the library's protobuf form plus the fields that form
// loses:
//
//	uvarint length, protobuf
//	uvarint type
//	uvarint mode
//	uvarint count, then for each user allocation: uvarint length, peer ID
//
// The protobuf derives the mode from MaxDepth, turns an unset type into a bad
// one and drops user allocations. Times keep whole seconds only.

// encodePin returns p as it stands in an entry. Errors match ErrInvalid.
func encodePin(p api.Pin) ([]byte, error) {
	if err := checkPin(p); err != nil {
		return nil, err
	}
	proto, err := p.ProtoMarshal()
	if err != nil {
		return nil, fmt.Errorf("%w: encode pin %s: %w", ErrInvalid, p.Cid, err)
	}
	b := make([]byte, 0, len(proto)+8)
	b = appendBytes(b, proto)
	b = binary.AppendUvarint(b, uint64(p.Type))
	b = binary.AppendUvarint(b, uint64(p.Mode))
	b = binary.AppendUvarint(b, uint64(len(p.UserAllocations)))
	for _, id := range p.UserAllocations {
		b = appendBytes(b, []byte(id))
	}
	// A form that cannot be read back must never reach the log: it would stop
	// every peer at the same entry.
	if _, err := decodePin(b); err != nil {
		return nil, fmt.Errorf("%w: pin %s does not survive encoding: %w", ErrInvalid, p.Cid, err)
	}
	return b, nil
}

// checkPin refuses what the protobuf form would change without an error.
func checkPin(p api.Pin) error {
	if !p.Cid.Defined() {
		return fmt.Errorf("%w: pin without CID", ErrInvalid)
	}
	for _, n := range []int{p.ReplicationFactorMin, p.ReplicationFactorMax, int(p.MaxDepth)} {
		if n < math.MinInt32 || n > math.MaxInt32 {
			return fmt.Errorf("%w: pin %s: %d is out of range", ErrInvalid, p.Cid, n)
		}
	}
	if p.Mode < 0 {
		return fmt.Errorf("%w: pin %s: mode %d", ErrInvalid, p.Cid, p.Mode)
	}
	for _, o := range p.Origins {
		if o.Value() == nil {
			return fmt.Errorf("%w: pin %s: empty origin", ErrInvalid, p.Cid)
		}
	}
	return nil
}

// decodePin returns the pin in b, in a value that shares no memory with any
// other. Errors match ErrCorrupt.
func decodePin(b []byte) (api.Pin, error) {
	var p api.Pin
	r := reader{buf: b}
	proto := r.bytes()
	typ, mode, count := r.uvarint(), r.uvarint(), r.count(1)
	var users []peer.ID
	for range count {
		id, err := peer.IDFromBytes(r.bytes())
		if err != nil && r.err == nil {
			return api.Pin{}, fmt.Errorf("%w: user allocation: %w", ErrCorrupt, err)
		}
		users = append(users, id)
	}
	if err := r.end(); err != nil {
		return api.Pin{}, fmt.Errorf("decode pin: %w", err)
	}
	if mode > math.MaxInt32 {
		return api.Pin{}, fmt.Errorf("decode pin: %w: mode %d", ErrCorrupt, mode)
	}
	if err := p.ProtoUnmarshal(proto); err != nil {
		return api.Pin{}, fmt.Errorf("decode pin: %w: %w", ErrCorrupt, err)
	}
	if !p.Cid.Defined() {
		return api.Pin{}, fmt.Errorf("decode pin: %w: no CID", ErrCorrupt)
	}
	p.Type, p.Mode, p.UserAllocations = api.PinType(typ), api.PinMode(mode), users
	// The library yields local time: the same pin would print differently on
	// peers in different time zones.
	if !p.ExpireAt.IsZero() {
		p.ExpireAt = p.ExpireAt.UTC()
	}
	if !p.Timestamp.IsZero() {
		p.Timestamp = p.Timestamp.UTC()
	}
	return p, nil
}

// A stored pin is its revision, as uvarint, and then the pin as in the entry
// that wrote it. The revision is the log index of that entry.

func appendStored(b []byte, revision uint64, data []byte) []byte {
	return append(binary.AppendUvarint(b, revision), data...)
}

// splitStored takes apart what appendStored put together.
func splitStored(b []byte) (revision uint64, data []byte, err error) {
	r := reader{buf: b}
	revision = r.uvarint()
	return revision, r.buf, r.err
}

func decodeStored(b []byte) (p api.Pin, revision uint64, err error) {
	revision, data, err := splitStored(b)
	if err != nil {
		return api.Pin{}, 0, fmt.Errorf("decode pin: %w", err)
	}
	p, err = decodePin(data)
	return p, revision, err
}
