// Package blockfiles is the datastore of a node's blocks: large ones in flatfs, a file each, and small ones together in a
// log-structured store, because a file costs two syncs of its own whatever its size.
//
// Promise: a block that was put is on the disk when a later Sync has returned, and is whole or absent after a power cut,
// synced or not. Blocks that an earlier build has stored in flatfs are found whatever their size. A block is not written
// again while it is here.
//
// Not promised: an order of changes to one key. Content is addressed by its hash, so there is nothing to order.
//
// Start reading at store.go.
package blockfiles

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	flatfs "github.com/ipfs/go-ds-flatfs"
)

const (
	// smallLimit is the size up to which a block is kept with others. Syncing a file takes longer than writing so much
	// several times.
	smallLimit = 32 << 10
	// Names of the two stores in the node's repository.
	largeDir = "blocks"
	smallDir = "underlay-small-blocks"
)

// Store keeps blocks. Its methods may be called from any goroutine.
type Store struct {
	large *flatfs.Datastore
	small *smallStore
}

var (
	_ datastore.Batching            = (*Store)(nil)
	_ datastore.PersistentDatastore = (*Store)(nil)
)

// Open opens the blocks of the repository in dir, and makes what is missing.
func Open(dir string) (*Store, error) {
	large, err := flatfs.CreateOrOpen(filepath.Join(dir, largeDir), flatfs.IPFS_DEF_SHARD, true)
	if err != nil {
		return nil, fmt.Errorf("open large blocks: %w", err)
	}
	small, err := openSmall(filepath.Join(dir, smallDir))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open small blocks: %w", err), large.Close())
	}
	return &Store{large: large, small: small}, nil
}

// DiskSpec describes what is on the disk as kubo compares it at every start: it is what an earlier build has written,
// which may be opened as it is.
func DiskSpec() map[string]any {
	return map[string]any{"type": "flatfs", "path": largeDir, "shardFunc": flatfs.IPFS_DEF_SHARD.String()}
}

// Close waits for those who use the small blocks, and gives the files back.
func (s *Store) Close() error { return errors.Join(s.small.close(), s.large.Close()) }

// Has tells whether the block is here.
func (s *Store) Has(ctx context.Context, key datastore.Key) (bool, error) {
	if has, err := s.small.has(ctx, key); has || err != nil {
		return has, err
	}
	return s.large.Has(ctx, key)
}

// Get returns the block, or datastore.ErrNotFound.
func (s *Store) Get(ctx context.Context, key datastore.Key) ([]byte, error) {
	value, err := s.small.get(ctx, key)
	if errors.Is(err, datastore.ErrNotFound) {
		return s.large.Get(ctx, key)
	}
	return value, err
}

// GetSize returns the block's size, or datastore.ErrNotFound.
func (s *Store) GetSize(ctx context.Context, key datastore.Key) (int, error) {
	size, err := s.small.size(ctx, key)
	if errors.Is(err, datastore.ErrNotFound) {
		return s.large.GetSize(ctx, key)
	}
	return size, err
}

// Put stores a block unless it is here. A large one is on the disk when Put returns, a small one after Sync.
func (s *Store) Put(ctx context.Context, key datastore.Key, value []byte) error {
	if has, err := s.Has(ctx, key); has || err != nil {
		return err
	}
	if len(value) > smallLimit {
		return s.large.Put(ctx, key, value)
	}
	return s.small.put(ctx, map[datastore.Key][]byte{key: value})
}

// Delete removes a block, if it is here.
func (s *Store) Delete(ctx context.Context, key datastore.Key) error {
	if err := s.large.Delete(ctx, key); err != nil {
		return err
	}
	if has, err := s.small.has(ctx, key); !has || err != nil {
		return err
	}
	return s.small.remove(ctx, key)
}

// Sync returns when every block that was put before is on the disk.
func (s *Store) Sync(ctx context.Context, _ datastore.Key) error {
	if err := s.small.sync(ctx); err != nil {
		return fmt.Errorf("sync small blocks: %w", err)
	}
	return nil
}

// DiskUsage returns how many bytes the blocks take on the disk, about.
func (s *Store) DiskUsage(ctx context.Context) (uint64, error) {
	large, err := s.large.DiskUsage(ctx)
	if err != nil {
		return 0, fmt.Errorf("measure large blocks: %w", err)
	}
	small, err := s.small.diskUsage(ctx)
	if err != nil {
		return 0, fmt.Errorf("measure small blocks: %w", err)
	}
	return large + small, nil
}

// Query lists the blocks. One that was put twice at the same moment is listed once all the same: its size decides where
// it is kept.
func (s *Store) Query(ctx context.Context, q query.Query) (query.Results, error) {
	inner := query.Query{Prefix: q.Prefix, KeysOnly: q.KeysOnly, ReturnsSizes: q.ReturnsSizes}
	small, err := s.small.query(ctx, inner)
	if err != nil {
		return nil, fmt.Errorf("list small blocks: %w", err)
	}
	large, err := s.large.Query(ctx, inner)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("list large blocks: %w", err), small.Close())
	}
	both := query.ResultsFromIterator(inner, query.Iterator{
		Next: func() (query.Result, bool) {
			if r, more := small.NextSync(); more {
				return r, true
			}
			return large.NextSync()
		},
		Close: func() error { return errors.Join(small.Close(), large.Close()) },
	})
	q.Prefix = "" // both have kept to it
	return query.NaiveQueryApply(q, both), nil
}
