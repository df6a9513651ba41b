package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/underlay/underlay/consensus"
)

// Sealer encrypts what is stored under a key, and decrypts it.
type Sealer interface {
	Seal(key string, plain []byte) []byte
	Open(key string, sealed []byte) ([]byte, error)
}

// overlay is what was changed through the API, by all changes up to one.
type overlay struct {
	revision uint64   // of that change; 0: there was none
	changes  []Change // in the order of their paths
}

// record is the plain form of a value. The zero value says that the setting is removed.
type record struct {
	Value json.RawMessage `json:"value,omitempty"`
}

// open decodes the values of the cluster. Those that cannot be read are left out, and the error says which they are.
func open(values []consensus.Value, sealer Sealer) (over overlay, err error) {
	for _, v := range values {
		if v.Key == versionKey {
			over.revision = v.Revision
			continue
		}
		c, openErr := openValue(v, sealer)
		if openErr != nil {
			err = errors.Join(err, openErr)
			continue
		}
		over.changes = append(over.changes, c)
	}
	sortChanges(over.changes)
	return over, err
}

func openValue(v consensus.Value, sealer Sealer) (Change, error) {
	path, err := parseKey(v.Key)
	if err != nil {
		return Change{}, err
	}
	plain, err := sealer.Open(v.Key, v.Data)
	if err != nil {
		return Change{}, fmt.Errorf("read setting %s: %w", path, err)
	}
	var r record
	c := Change{Path: path}
	if err := json.Unmarshal(plain, &r); err != nil {
		return Change{}, fmt.Errorf("decode setting %s: %w", path, err)
	}
	if c.Removed = r.Value == nil; c.Removed {
		return c, nil
	}
	if err := json.Unmarshal(r.Value, &c.Value); err != nil {
		return Change{}, fmt.Errorf("decode setting %s: %w", path, err)
	}
	return c, nil
}

// with is the overlay after further changes: each takes the place of what was set at its path and below. What was set above
// stays, and is made before it.
func (o overlay) with(changes []Change) overlay {
	o.changes = slices.Clone(o.changes)
	for _, c := range changes {
		o.changes = slices.DeleteFunc(o.changes, func(old Change) bool { return old.Path.within(c.Path) })
	}
	o.changes = append(o.changes, changes...)
	sortChanges(o.changes)
	return o
}

// ops are the operations that make these changes, if no other change came between.
func (o overlay) ops(changes []Change, sealer Sealer) ([]consensus.Op, error) {
	ops := []consensus.Op{consensus.SetValueOp(versionKey, nil).IfRevision(o.revision)}
	for _, old := range o.changes {
		covers := func(c Change) bool { return len(old.Path) > len(c.Path) && old.Path.within(c.Path) }
		if slices.ContainsFunc(changes, covers) {
			ops = append(ops, consensus.DelValueOp(old.Path.key()))
		}
	}
	for _, c := range changes {
		var r record
		if !c.Removed {
			value, err := json.Marshal(c.Value)
			if err != nil {
				return nil, fmt.Errorf("encode setting %s: %w", c.Path, err)
			}
			r.Value = value
		}
		plain, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("encode setting %s: %w", c.Path, err)
		}
		key := c.Path.key()
		ops = append(ops, consensus.SetValueOp(key, sealer.Seal(key, plain)))
	}
	return ops, nil
}

func sortChanges(changes []Change) {
	slices.SortFunc(changes, func(a, b Change) int { return slices.Compare(a.Path, b.Path) })
}
