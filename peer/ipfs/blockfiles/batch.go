package blockfiles

import (
	"context"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ipfs/go-datastore"
)

// batch collects changes until Commit, which is not atomic: if it fails, some of them may have been made.
type batch struct {
	store *Store

	mu   sync.Mutex
	puts map[datastore.Key][]byte
	gone []datastore.Key
}

// Batch implements datastore.Batching.
func (s *Store) Batch(context.Context) (datastore.Batch, error) {
	return &batch{store: s, puts: make(map[datastore.Key][]byte)}, nil
}

// Put implements datastore.Batch. The value must not change before Commit has returned.
func (b *batch) Put(_ context.Context, key datastore.Key, value []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.puts[key] = value
	return nil
}

// Delete implements datastore.Batch.
func (b *batch) Delete(_ context.Context, key datastore.Key) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.puts, key)
	b.gone = append(b.gone, key)
	return nil
}

// Commit makes the changes. Like Put it does not sync.
func (b *batch) Commit(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.puts) > 0 {
		if err := b.store.putMany(ctx, b.puts); err != nil {
			return fmt.Errorf("store %d blocks: %w", len(b.puts), err)
		}
	}
	for _, key := range b.gone {
		if err := b.store.Delete(ctx, key); err != nil {
			return fmt.Errorf("remove %d blocks: %w", len(b.gone), err)
		}
	}
	clear(b.puts)
	b.gone = nil
	return nil
}

// putMany stores blocks, the small ones in one write.
func (s *Store) putMany(ctx context.Context, values map[datastore.Key][]byte) error {
	if err := s.checkRoom(); err != nil {
		return err
	}
	err := s.use(func() error {
		small := s.db.NewBatch()
		defer small.Close()
		for key, value := range values {
			if len(value) > smallLimit {
				if err := s.put(ctx, key, value); err != nil {
					return err
				}
				continue
			}
			if has, err := s.has(ctx, key); has || err != nil {
				if err != nil {
					return err
				}
				continue
			}
			if err := addSmall(small, key, value); err != nil {
				return err
			}
		}
		if small.Empty() {
			return s.commits.failure()
		}
		defer s.commits.changed()
		return small.Commit(pebble.NoSync)
	})
	if err != nil {
		return err
	}
	return s.commitEarly(ctx)
}
