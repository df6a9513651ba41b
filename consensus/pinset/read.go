package pinset

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/libp2p/go-libp2p/core/peer"
)

var _ state.ReadOnly = (*Store)(nil)

func pinKey(c api.Cid) []byte {
	return append(append(make([]byte, 0, 1+c.ByteLen()), keyPin), c.KeyString()...)
}

// List implements state.ReadOnly: it sends every pin, in the order of their CID
// bytes, as they were at one moment, and closes out. It stops when ctx ends.
func (s *Store) List(ctx context.Context, out chan<- api.Pin) error {
	defer close(out)
	_, err := s.Scan(ctx, Query{}, func(p api.Pin) error {
		select {
		case out <- p:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-s.closing:
			return ErrClosed
		}
	})
	return err
}

// Has implements state.ReadOnly.
func (s *Store) Has(_ context.Context, c api.Cid) (bool, error) {
	if err := s.enter(); err != nil {
		return false, err
	}
	defer s.mu.RUnlock()
	_, closer, err := s.db.Get(pinKey(c))
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look up pin %s: %w", c, err)
	}
	return true, closer.Close()
}

// Get implements state.ReadOnly. The error is state.ErrNotFound itself when c is
// not pinned, because callers in ipfs-cluster compare it.
func (s *Store) Get(ctx context.Context, c api.Cid) (api.Pin, error) {
	p, _, err := s.GetRevision(ctx, c)
	return p, err
}

// GetRevision is Get with the revision of the pin, for Op.IfRevision. With
// state.ErrNotFound the revision is 0.
func (s *Store) GetRevision(_ context.Context, c api.Cid) (api.Pin, uint64, error) {
	if err := s.enter(); err != nil {
		return api.Pin{}, 0, err
	}
	defer s.mu.RUnlock()
	v, err := s.value(pinKey(c))
	if errors.Is(err, pebble.ErrNotFound) {
		return api.Pin{}, 0, state.ErrNotFound
	}
	if err != nil {
		return api.Pin{}, 0, fmt.Errorf("read pin %s: %w", c, err)
	}
	p, revision, err := decodeStored(v)
	if err != nil {
		return api.Pin{}, 0, fmt.Errorf("read pin %s: %w", c, err)
	}
	return p, revision, nil
}

// Len returns the number of pins, from a counter.
func (s *Store) Len(context.Context) (uint64, error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.mu.RUnlock()
	return s.number(metaCount)
}

// Members returns all member records, in the order of the bytes of their IDs.
func (s *Store) Members(context.Context) ([]MemberRecord, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.RUnlock()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{keyMember}, UpperBound: []byte{keyMember + 1}})
	if err != nil {
		return nil, fmt.Errorf("read member records: %w", err)
	}
	var records []MemberRecord
	for it.First(); it.Valid(); it.Next() {
		id, err := peer.IDFromBytes(it.Key()[1:])
		if err != nil {
			return nil, errors.Join(fmt.Errorf("read member records: %w: %w", ErrCorrupt, err), it.Close())
		}
		records = append(records, MemberRecord{ID: id, Record: bytes.Clone(it.Value())})
	}
	if err := it.Close(); err != nil {
		return nil, fmt.Errorf("read member records: %w", err)
	}
	return records, nil
}
