package pinset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ipfs-cluster/ipfs-cluster/state"
)

const (
	// MaxKeyBytes bounds the key of a value.
	MaxKeyBytes = 512
	// MaxValueBytes bounds the data of a value.
	MaxValueBytes = 64 << 10
)

// Value is what the cluster remembers under a key. The state machine does not
// look into it. The part of the key before its first slash is its space: see
// NextValues.
type Value struct {
	Key  string
	Data []byte
	// Revision is the index of the log entry that set the value.
	Revision uint64
}

// check says why a value cannot be stored.
func (v Value) check() error {
	switch {
	case v.Key == "":
		return errors.New("value without a key")
	case len(v.Key) > MaxKeyBytes:
		return fmt.Errorf("key of %d bytes, at most %d", len(v.Key), MaxKeyBytes)
	case !utf8.ValidString(v.Key):
		return fmt.Errorf("key %q is not UTF-8", v.Key)
	case len(v.Data) > MaxValueBytes:
		return fmt.Errorf("value of %d bytes for key %q, at most %d", len(v.Data), v.Key, MaxValueBytes)
	default:
		return nil
	}
}

func valueKey(key string) []byte { return append([]byte{keyValue}, key...) }

// Value returns the value of a key. The error is state.ErrNotFound itself when
// there is none; the revision to name in a condition is then 0.
func (s *Store) Value(_ context.Context, key string) (Value, error) {
	if err := s.enter(); err != nil {
		return Value{}, err
	}
	defer s.mu.RUnlock()
	stored, err := s.value(valueKey(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return Value{}, state.ErrNotFound
	}
	if err != nil {
		return Value{}, fmt.Errorf("read value of %s: %w", key, err)
	}
	return decodeValue(key, stored)
}

// Values returns, in the order of their keys, the values whose key begins with
// prefix, as they were at one moment.
func (s *Store) Values(ctx context.Context, prefix string) ([]Value, error) {
	values, err := s.values(ctx, prefix, func(_ int, key []byte) bool { return bytes.HasPrefix(key, []byte(prefix)) })
	if err != nil {
		return nil, fmt.Errorf("read values of %s: %w", prefix, err)
	}
	return values, nil
}

// ValuesBetween returns, in the order of their keys, the first values whose key
// is from or comes after it, and comes before to: limit of them at most, as they
// were at one moment.
func (s *Store) ValuesBetween(ctx context.Context, from, to string, limit int) ([]Value, error) {
	values, err := s.values(ctx, from, func(taken int, key []byte) bool { return taken < limit && string(key) < to })
	if err != nil {
		return nil, fmt.Errorf("read values from %s to %s: %w", from, to, err)
	}
	return values, nil
}

// values reads on from a key while more says so of the next one.
func (s *Store) values(ctx context.Context, from string, more func(taken int, key []byte) bool) (values []Value, err error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.RUnlock()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: valueKey(from), UpperBound: []byte{keyValue + 1}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for it.First(); it.Valid() && more(len(values), it.Key()[1:]); it.Next() {
		if err := s.interrupted(ctx); err != nil {
			return nil, err
		}
		v, err := decodeValue(string(it.Key()[1:]), bytes.Clone(it.Value()))
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, it.Error()
}

func decodeValue(key string, stored []byte) (Value, error) {
	revision, data, err := splitStored(stored)
	if err != nil {
		return Value{}, fmt.Errorf("read value of %s: %w", key, err)
	}
	return Value{Key: key, Data: data, Revision: revision}, nil
}
