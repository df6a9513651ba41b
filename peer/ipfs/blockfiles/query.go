package blockfiles

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
)

// Query lists the blocks that are here at its beginning. The store cannot be closed before the listing is.
func (s *Store) Query(ctx context.Context, q query.Query) (query.Results, error) {
	if err := s.Sync(ctx, datastore.Key{}); err != nil { // the index has every block then
		return nil, err
	}
	s.using.RLock()
	if s.closed {
		s.using.RUnlock()
		return nil, errClosed
	}
	indexed, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{keyBlock}, UpperBound: []byte{keyBlock + 1}})
	if err != nil {
		s.using.RUnlock()
		return nil, fmt.Errorf("list blocks: %w", err)
	}
	inner := query.Query{Prefix: q.Prefix, KeysOnly: q.KeysOnly, ReturnsSizes: q.ReturnsSizes}
	flat, err := s.flat.Query(ctx, inner)
	if err != nil {
		s.using.RUnlock()
		return nil, errors.Join(fmt.Errorf("list blocks of earlier builds: %w", err), indexed.Close())
	}
	more, failed := indexed.First(), false
	all := query.ResultsFromIterator(inner, query.Iterator{
		Next: func() (query.Result, bool) {
			for more {
				r := s.result(indexed, q)
				more = indexed.Next()
				if !errors.Is(r.Error, datastore.ErrNotFound) { // removed meanwhile
					return r, true
				}
			}
			if err := indexed.Error(); err != nil && !failed {
				failed = true
				return query.Result{Error: fmt.Errorf("list blocks: %w", err)}, true
			}
			return flat.NextSync()
		},
		Close: sync.OnceValue(func() error {
			defer s.using.RUnlock()
			more = false
			return errors.Join(flat.Close(), indexed.Close())
		}),
	})
	return query.NaiveQueryApply(q, all), nil
}

// result describes the block that the iterator is at.
func (s *Store) result(at *pebble.Iterator, q query.Query) query.Result {
	r := query.Result{Entry: query.Entry{Key: string(at.Key()[1:])}}
	if q.KeysOnly && !q.ReturnsSizes {
		return r
	}
	if !q.KeysOnly { // the iterator may remember a place that was given back since
		r.Value, r.Error = s.get(datastore.RawKey(r.Key))
		r.Size = len(r.Value)
		return r
	}
	e, err := decodeEntry(at.Value())
	r.Size, r.Error = e.size(), err
	return r
}
