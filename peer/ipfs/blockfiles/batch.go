package blockfiles

import (
	"context"
	"fmt"
	"sync"

	"github.com/ipfs/go-datastore"
	"golang.org/x/sync/errgroup"
)

// parallelFiles is how many files of a batch are written at a time: the file system brings those to disk together.
const parallelFiles = 32

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

// Commit stores the small blocks in one write and the large ones beside each other.
func (b *batch) Commit(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.put(ctx); err != nil {
		return fmt.Errorf("store %d blocks: %w", len(b.puts), err)
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

func (b *batch) put(ctx context.Context) error {
	small := make(map[datastore.Key][]byte)
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(parallelFiles)
	for key, value := range b.puts {
		if len(value) > smallLimit {
			work.Go(func() error { return b.store.Put(ctx, key, value) })
			continue
		}
		has, err := b.store.Has(ctx, key)
		if err != nil {
			work.Go(func() error { return err })
			break
		}
		if !has {
			small[key] = value
		}
	}
	work.Go(func() error { return b.store.small.put(ctx, small) })
	return work.Wait()
}
