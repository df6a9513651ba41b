package blockfiles

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	pebbleds "github.com/ipfs/go-ds-pebble"
	"golang.org/x/sys/unix"
)

// minFree is the space that small blocks leave free: their store cannot go on after a write that finds no space.
const minFree = 64 << 20

var errClosed = errors.New("the store of blocks is closed")

// smallStore keeps small blocks in Pebble. What is written reaches the disk with sync, or some time later; in any case in
// the order of writing and whole. After close every method fails, where Pebble itself would panic.
type smallStore struct {
	dir string
	db  *pebbleds.Datastore

	written atomic.Uint64 // counts changes
	synced  atomic.Uint64 // how many of them are on the disk

	mu     sync.RWMutex // held by users
	closed bool
}

// openSmall opens the store. With filters, a look for a block that is not there reads no disk.
func openSmall(dir string) (*smallStore, error) {
	options := &pebble.Options{
		FormatMajorVersion: pebble.FormatTableFormatV6, MemTableSize: 8 << 20, CacheSize: 8 << 20,
		MemTableStopWritesThreshold: 4,
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		// Content is often compressed already, and always random enough to be hashed.
		options.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
	}
	db, err := pebbleds.NewDatastore(dir, pebbleds.WithPebbleOpts(options))
	if err != nil {
		return nil, err
	}
	return &smallStore{dir: dir, db: db}, nil
}

func (s *smallStore) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return s.db.Close()
}

// use calls f unless the store is closed, which waits for f.
func (s *smallStore) use(f func() error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return errClosed
	}
	return f()
}

func (s *smallStore) has(ctx context.Context, key datastore.Key) (has bool, err error) {
	err = s.use(func() (err error) { has, err = s.db.Has(ctx, key); return err })
	return has, err
}

func (s *smallStore) get(ctx context.Context, key datastore.Key) (value []byte, err error) {
	err = s.use(func() (err error) { value, err = s.db.Get(ctx, key); return err })
	return value, err
}

func (s *smallStore) size(ctx context.Context, key datastore.Key) (size int, err error) {
	err = s.use(func() (err error) { size, err = s.db.GetSize(ctx, key); return err })
	return size, err
}

func (s *smallStore) query(ctx context.Context, q query.Query) (results query.Results, err error) {
	err = s.use(func() (err error) { results, err = s.db.Query(ctx, q); return err })
	return results, err
}

func (s *smallStore) diskUsage(ctx context.Context) (usage uint64, err error) {
	err = s.use(func() (err error) { usage, err = s.db.DiskUsage(ctx); return err })
	return usage, err
}

// put stores blocks in one write.
func (s *smallStore) put(ctx context.Context, blocks map[datastore.Key][]byte) error {
	if len(blocks) == 0 {
		return nil
	}
	if err := s.checkRoom(); err != nil {
		return err
	}
	return s.change(ctx, func(b datastore.Batch) error {
		for key, value := range blocks {
			if err := b.Put(ctx, key, value); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *smallStore) remove(ctx context.Context, key datastore.Key) error {
	return s.change(ctx, func(b datastore.Batch) error { return b.Delete(ctx, key) })
}

func (s *smallStore) change(ctx context.Context, fill func(datastore.Batch) error) error {
	return s.use(func() error {
		b, err := s.db.Batch(ctx)
		if err != nil {
			return err
		}
		if err := fill(b); err != nil {
			return err
		}
		defer s.written.Add(1)
		return b.Commit(ctx)
	})
}

// sync returns when all that was written before is on the disk. Calls at the same time share one sync of the disk.
func (s *smallStore) sync(ctx context.Context) error {
	written := s.written.Load()
	if s.synced.Load() >= written {
		return nil
	}
	if err := s.use(func() error { return s.db.Sync(ctx, datastore.NewKey("/")) }); err != nil {
		return err
	}
	for {
		synced := s.synced.Load()
		if synced >= written || s.synced.CompareAndSwap(synced, written) {
			return nil
		}
	}
}

// checkRoom refuses to write while there is too little space to do it safely.
func (s *smallStore) checkRoom() error {
	var disk unix.Statfs_t
	if err := unix.Statfs(s.dir, &disk); err != nil {
		return fmt.Errorf("measure free space of %s: %w", s.dir, err)
	}
	if disk.Bavail*uint64(disk.Bsize) < minFree {
		return fmt.Errorf("store in %s: %w", s.dir, syscall.ENOSPC)
	}
	return nil
}
