package pinset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// slot is one pin, value or member record that a batch of entries looks at.
type slot struct {
	key    []byte
	before []byte // the value in the store, nil if there is none
	version
}

// version is what stands in a slot at one moment of the batch.
type version struct {
	value    []byte // nil if there is none
	revision uint64 // of a pin or value
	index    [][]byte
	touched  bool // an operation of the batch has been here
}

func (v version) equal(o version) bool {
	return bytes.Equal(v.value, o.value) && (v.value == nil) == (o.value == nil)
}

type undo struct {
	slot   *slot
	before version
}

// slot returns the slot of a key, from the store at the first time.
func (a *application) slot(key []byte) (*slot, error) {
	if s := a.slots[string(key)]; s != nil {
		return s, nil
	}
	s := &slot{key: key}
	v, err := a.value(key)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
	case err != nil:
		return nil, fmt.Errorf("read state in %s: %w", a.dir, err)
	default:
		// Never nil: an empty value is a value.
		s.before = append([]byte{}, v...)
		s.value = s.before
		if key[0] == keyPin || key[0] == keyValue {
			if s.revision, _, err = splitStored(v); err != nil {
				return nil, err
			}
		}
	}
	a.slots[string(key)] = s
	return s, nil
}

// change puts another version into a slot.
func (a *application) change(s *slot, v version) {
	a.undo = append(a.undo, undo{slot: s, before: s.version})
	s.version = v
}

// commit makes the entries visible. It does not sync: after a crash the raft
// log, which is synced, brings them again.
func (a *application) commit() error {
	if a.index == a.applied.get() {
		return nil
	}
	count := a.count
	var cids []api.Cid
	var values []string
	members := false
	for _, s := range a.slots {
		if !s.touched {
			continue
		}
		switch s.key[0] {
		case keyMember:
			members = true
		case keyValue:
			values = append(values, string(s.key[1:]))
		case keyAccount, keyCharge, keyUnsettled:
		default:
			c, err := api.CastCid(s.key[1:])
			if err != nil {
				return fmt.Errorf("%w: pin key %x: %w", ErrCorrupt, s.key, err)
			}
			cids = append(cids, c)
			if err := a.writeIndexes(s); err != nil {
				return err
			}
			count += present(s.value) - present(s.before)
		}
		if err := a.writeValue(s); err != nil {
			return err
		}
	}
	for key, n := range map[string]uint64{metaApplied: a.index, metaCount: count} {
		if err := a.batch.Set([]byte(key), binary.BigEndian.AppendUint64(nil, n), nil); err != nil {
			return err
		}
	}
	if err := a.batch.Commit(pebble.NoSync); err != nil {
		return err
	}
	a.count = count
	// Changes first: whoever waits for the index finds them there.
	a.dirty.add(cids, members)
	a.spaces.changed(a.index, values)
	a.history.add(a.events)
	a.applied.set(a.index)
	return nil
}

// present is 1 for a value and 0 for none.
func present(v []byte) uint64 {
	if v == nil {
		return 0
	}
	return 1
}

func (a *application) writeValue(s *slot) error {
	switch {
	case s.value != nil:
		return a.batch.Set(s.key, s.value, nil)
	case s.before != nil:
		return a.batch.Delete(s.key, nil)
	default:
		return nil
	}
}

// writeIndexes replaces the index keys of the old version by those of the new.
func (a *application) writeIndexes(s *slot) error {
	var old [][]byte
	if s.before != nil {
		p, _, err := decodeStored(s.before)
		if err != nil {
			return err
		}
		old = indexKeys(p)
	}
	added, removed := difference(s.index, old)
	for _, k := range added {
		if err := a.batch.Set(k, nil, nil); err != nil {
			return err
		}
	}
	for _, k := range removed {
		if err := a.batch.Delete(k, nil); err != nil {
			return err
		}
	}
	return nil
}

// difference returns what is only in a and what is only in b. Both are sorted.
func difference(a, b [][]byte) (onlyA, onlyB [][]byte) {
	for len(a) > 0 && len(b) > 0 {
		switch bytes.Compare(a[0], b[0]) {
		case -1:
			onlyA, a = append(onlyA, a[0]), a[1:]
		case 1:
			onlyB, b = append(onlyB, b[0]), b[1:]
		default:
			a, b = a[1:], b[1:]
		}
	}
	return append(onlyA, a...), append(onlyB, b...)
}
