// Package blockfiles is the datastore of a node's blocks. Large blocks are appended to a few long files, small ones are kept
// in Pebble, which also knows where the large ones are. A file for each block, as in flatfs, costs two syncs of its own
// and more processor time than all else that is done with the block.
//
// Promise: a block that was put is on the disk when a later Sync has returned, and is whole or absent after a power cut,
// synced or not. Blocks that an earlier build has stored in flatfs are found, listed and removed like all others. A block
// is not written again while it is here. The space of a removed block is given back to the file system.
//
// Not promised: an order of changes to one key; content is addressed by its hash, so there is nothing to order. After a
// failed sync nothing is known of what was written since the one before: see ErrFailed.
//
// Start reading at store.go; commit.go has what Sync does, segment.go the files.
package blockfiles

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	flatfs "github.com/ipfs/go-ds-flatfs"
	"golang.org/x/sys/unix"
)

const (
	// smallLimit is the size up to which a block is kept in Pebble, which writes it several times in the end.
	smallLimit = 32 << 10
	// minFree is the space that blocks leave free: Pebble cannot go on after a write that finds none.
	minFree = 64 << 20
	// Names in the node's repository.
	flatDir    = "blocks"
	indexDir   = "underlay-blocks/index"
	segmentDir = "underlay-blocks"
)

var errClosed = errors.New("the store of blocks is closed")

// ErrFailed reports that a sync of blocks has failed. Nobody knows then what the disk holds, so the store refuses all writes
// from then on: the process should end, and start again.
var ErrFailed = errors.New("blocks can no longer be stored")

// Store keeps blocks. Its methods may be called from any goroutine.
type Store struct {
	dir      string
	flat     *flatfs.Datastore // of earlier builds; nothing is written there
	flatUsed bool              // there are blocks in it
	db       *pebble.DB
	segments *segments
	commits  commits

	seed  maphash.Seed
	locks [256]sync.Mutex // of keys, held by those who change them

	// punching is held by readers, and alone by whoever gives back the space of removed blocks.
	punching sync.RWMutex

	using  sync.RWMutex // held by users
	closed bool
}

var (
	_ datastore.Batching            = (*Store)(nil)
	_ datastore.GCDatastore         = (*Store)(nil)
	_ datastore.PersistentDatastore = (*Store)(nil)
)

// Open opens the blocks of the repository in dir, and makes what is missing.
func Open(dir string) (_ *Store, err error) {
	s := &Store{dir: dir, seed: maphash.MakeSeed()}
	if s.flat, err = flatfs.CreateOrOpen(filepath.Join(dir, flatDir), flatfs.IPFS_DEF_SHARD, true); err != nil {
		return nil, fmt.Errorf("open blocks of earlier builds: %w", err)
	}
	if s.flatUsed, err = hasBlocks(s.flat); err != nil {
		return nil, errors.Join(fmt.Errorf("list blocks of earlier builds: %w", err), s.flat.Close())
	}
	if s.db, err = openIndex(filepath.Join(dir, indexDir)); err != nil {
		return nil, errors.Join(fmt.Errorf("open index of blocks: %w", err), s.flat.Close())
	}
	if s.segments, err = openSegments(filepath.Join(dir, segmentDir), s.db); err != nil {
		return nil, errors.Join(fmt.Errorf("open files of blocks: %w", err), s.db.Close(), s.flat.Close())
	}
	// The directories may be new, and what is in them was never there without their names.
	if err := errors.Join(syncDir(filepath.Join(dir, segmentDir)), syncDir(dir)); err != nil {
		return nil, errors.Join(fmt.Errorf("sync directories of blocks: %w", err), s.Close())
	}
	return s, nil
}

func hasBlocks(flat *flatfs.Datastore) (bool, error) {
	results, err := flat.Query(context.Background(), query.Query{KeysOnly: true})
	if err != nil {
		return false, err
	}
	defer results.Close()
	first, any := results.NextSync()
	return any, first.Error
}

// DiskSpec describes what is on the disk as kubo compares it at every start: it is what an earlier build has written,
// which may be opened as it is.
func DiskSpec() map[string]any {
	return map[string]any{"type": "flatfs", "path": flatDir, "shardFunc": flatfs.IPFS_DEF_SHARD.String()}
}

// Close syncs what was written, waits for those who use the store, and gives the files back.
func (s *Store) Close() error {
	err := s.Sync(context.Background(), datastore.Key{})
	s.using.Lock()
	defer s.using.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return errors.Join(err, s.segments.close(), s.db.Close(), s.flat.Close())
}

// use lets f work with the open files.
func (s *Store) use(f func() error) error {
	s.using.RLock()
	defer s.using.RUnlock()
	if s.closed {
		return errClosed
	}
	return f()
}

// lock excludes everybody else who changes the key, and returns the unlock.
func (s *Store) lock(key datastore.Key) (unlock func()) {
	m := &s.locks[maphash.String(s.seed, key.String())%uint64(len(s.locks))]
	m.Lock()
	return m.Unlock
}

// Has tells whether the block is here.
func (s *Store) Has(ctx context.Context, key datastore.Key) (bool, error) {
	_, err := s.GetSize(ctx, key)
	return found(err)
}

func (s *Store) has(ctx context.Context, key datastore.Key) (bool, error) {
	_, err := s.size(ctx, key)
	return found(err)
}

func found(err error) (bool, error) {
	if errors.Is(err, datastore.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// GetSize returns the block's size, or datastore.ErrNotFound.
func (s *Store) GetSize(ctx context.Context, key datastore.Key) (size int, err error) {
	err = s.use(func() error {
		size, err = s.size(ctx, key)
		return err
	})
	return size, err
}

func (s *Store) size(ctx context.Context, key datastore.Key) (size int, err error) {
	found, err := s.look(key, func(e entry) error { size = e.size(); return nil })
	switch {
	case found || err != nil:
		return size, err
	case s.flatUsed:
		return s.flat.GetSize(ctx, key)
	}
	return 0, datastore.ErrNotFound
}

// Get returns the block, or datastore.ErrNotFound.
func (s *Store) Get(ctx context.Context, key datastore.Key) (value []byte, err error) {
	err = s.use(func() (err error) {
		value, err = s.get(key)
		if s.flatUsed && errors.Is(err, datastore.ErrNotFound) {
			value, err = s.flat.Get(ctx, key)
		}
		return err
	})
	return value, err
}

// get reads what the index has.
func (s *Store) get(key datastore.Key) (value []byte, err error) {
	s.punching.RLock()
	defer s.punching.RUnlock()
	found, err := s.look(key, func(e entry) (err error) { value, err = s.read(e); return err })
	if !found && err == nil {
		err = datastore.ErrNotFound
	}
	return value, err
}

// look calls f with the entry of a block, if there is one. The entry is valid until f returns.
func (s *Store) look(key datastore.Key, f func(entry) error) (found bool, err error) {
	if at, ok := s.commits.pending(key); ok {
		return true, f(entry{at: at})
	}
	raw, closer, err := s.db.Get(blockKey(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look up block %s: %w", key, err)
	}
	defer closer.Close()
	e, err := decodeEntry(raw)
	if err != nil {
		return false, fmt.Errorf("look up block %s: %w", key, err)
	}
	return true, f(e)
}

// read returns the content that an entry stands for, in memory of its own.
func (s *Store) read(e entry) ([]byte, error) {
	if e.at.length == 0 {
		return append(make([]byte, 0, len(e.content)), e.content...), nil
	}
	return s.segments.read(e.at)
}

// Put stores a block unless it is here.
func (s *Store) Put(ctx context.Context, key datastore.Key, value []byte) error {
	if err := s.checkRoom(); err != nil {
		return err
	}
	if err := s.use(func() error { return s.put(ctx, key, value) }); err != nil {
		return err
	}
	return s.commitEarly(ctx)
}

func (s *Store) put(ctx context.Context, key datastore.Key, value []byte) error {
	defer s.lock(key)()
	if has, err := s.has(ctx, key); has || err != nil {
		return err
	}
	if err := s.commits.failure(); err != nil {
		return err
	}
	if len(value) <= smallLimit {
		defer s.commits.changed()
		return s.putSmall(key, value)
	}
	at, err := s.segments.append(value)
	if err != nil {
		return fmt.Errorf("store block of %d bytes: %w", len(value), err)
	}
	s.commits.add(key, at)
	return nil
}

// Delete removes a block, if it is here.
func (s *Store) Delete(ctx context.Context, key datastore.Key) error {
	return s.use(func() error {
		defer s.lock(key)()
		if err := s.flat.Delete(ctx, key); err != nil {
			return err
		}
		return s.remove(ctx, key)
	})
}

// checkRoom refuses blocks while there is too little space to go on safely.
func (s *Store) checkRoom() error {
	var disk unix.Statfs_t
	if err := unix.Statfs(s.dir, &disk); err != nil {
		return fmt.Errorf("measure free space of %s: %w", s.dir, err)
	}
	if disk.Bavail*uint64(disk.Bsize) < minFree {
		return fmt.Errorf("store block in %s: %w", s.dir, syscall.ENOSPC)
	}
	return nil
}

// DiskUsage returns how many bytes the blocks take on the disk, about.
func (s *Store) DiskUsage(ctx context.Context) (usage uint64, err error) {
	err = s.use(func() error {
		flat, err := s.flat.DiskUsage(ctx)
		usage = flat + s.db.Metrics().DiskSpaceUsage() + s.segments.usage() + s.commits.usage()
		return err
	})
	return usage, err
}
