package consensus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
)

// Keys of the state. The first byte tells the key space.
const (
	keyMeta    = 'm' // then a name
	keyPin     = 'p' // then the bytes of the CID
	keyOutcome = 'r' // then client ID and sequence
)

const (
	metaApplied = "mapplied" // 8 bytes, big endian
	metaVersion = "mversion" // 1 byte
	// storeVersion is the version of the layout of keys and values.
	storeVersion = 1
)

// store holds the state on disk. Any goroutine may read it while the state
// machine writes.
type store struct {
	db      *pebble.DB
	lock    *pebble.Lock
	closing chan struct{} // ends long reads
	stopped sync.Once

	mu     sync.RWMutex // held by readers, so that close can wait for them
	closed bool
}

var _ state.ReadOnly = (*store)(nil)

// openStore opens the state in dir, an empty one if there is none.
func openStore(dir string, cacheBytes int64, log *slog.Logger, fatal func(error)) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create state directory: %w", err)
	}
	// Taken here, because a failed attempt of Pebble's leaves a goroutine behind.
	lock, err := pebble.LockDirectory(dir, vfs.Default)
	if err != nil {
		return nil, fmt.Errorf("lock state in %s: %w", dir, err)
	}
	o := &pebble.Options{
		Lock:               lock,
		CacheSize:          cacheBytes,
		FormatMajorVersion: pebble.FormatTableFormatV6,
		Logger:             storeLogger{log: log, fatal: fatal},
		MemTableSize:       16 << 20,
		EventListener: &pebble.EventListener{BackgroundError: func(err error) {
			log.Error("state store background work failed", "error", err)
		}},
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	db, err := pebble.Open(dir, o)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open state in %s: %w", dir, err), lock.Close())
	}
	s := &store{db: db, lock: lock, closing: make(chan struct{})}
	if err := s.checkVersion(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// checkVersion refuses a state of another layout and marks a new one.
func (s *store) checkVersion() error {
	v, err := s.value([]byte(metaVersion))
	if errors.Is(err, pebble.ErrNotFound) {
		return s.db.Set([]byte(metaVersion), []byte{storeVersion}, pebble.Sync)
	}
	if err != nil {
		return fmt.Errorf("read state version: %w", err)
	}
	if len(v) != 1 || v[0] != storeVersion {
		return fmt.Errorf("state version %x is unknown to this program", v)
	}
	return nil
}

// close ends running reads, waits for them and closes the files. It may be
// called twice.
func (s *store) close() error {
	s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if err := errors.Join(s.db.Flush(), s.db.Close(), s.lock.Close()); err != nil {
		return fmt.Errorf("close state: %w", err)
	}
	return nil
}

// stop makes long reads, snapshots and restores end early.
func (s *store) stop() { s.stopped.Do(func() { close(s.closing) }) }

// enter lets a reader in. Every success needs one call of s.mu.RUnlock.
func (s *store) enter() error {
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return ErrClosed
	}
	return nil
}

// value returns a copy of the value of key, or pebble.ErrNotFound.
func (s *store) value(key []byte) ([]byte, error) {
	v, closer, err := s.db.Get(key)
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	return append([]byte(nil), v...), nil
}

func (s *store) appliedIndex() (uint64, error) {
	v, err := s.value([]byte(metaApplied))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read applied index: %w", err)
	}
	if len(v) != 8 {
		return 0, fmt.Errorf("read applied index: %w: %d bytes", ErrCorrupt, len(v))
	}
	return binary.BigEndian.Uint64(v), nil
}

// loadClients reads the client table.
func (s *store) loadClients() (*clientTable, error) {
	it, err := s.db.NewIter(&pebble.IterOptions{
		LowerBound: []byte{keyOutcome}, UpperBound: []byte{keyOutcome + 1},
	})
	if err != nil {
		return nil, fmt.Errorf("read client table: %w", err)
	}
	t := newClientTable()
	for it.First(); it.Valid(); it.Next() {
		id, seq, err := decodeOutcomeKey(it.Key())
		if err != nil {
			return nil, errors.Join(err, it.Close())
		}
		o, err := decodeOutcome(it.Value())
		if err != nil {
			return nil, errors.Join(err, it.Close())
		}
		t.add(id, seq, o)
	}
	if err := it.Close(); err != nil {
		return nil, fmt.Errorf("read client table: %w", err)
	}
	return t, nil
}

func pinKey(c api.Cid) []byte {
	return append(append(make([]byte, 0, 1+c.ByteLen()), keyPin), c.KeyString()...)
}

// List implements state.ReadOnly: it sends every pin, in the order of their CID
// bytes, as they were at one moment, and closes out. It stops when ctx ends.
func (s *store) List(ctx context.Context, out chan<- api.Pin) error {
	defer close(out)
	if err := s.enter(); err != nil {
		return err
	}
	defer s.mu.RUnlock()
	it, err := s.db.NewIter(&pebble.IterOptions{
		LowerBound: []byte{keyPin}, UpperBound: []byte{keyPin + 1},
	})
	if err != nil {
		return fmt.Errorf("list pins: %w", err)
	}
	for it.First(); it.Valid(); it.Next() {
		p, err := decodePin(it.Value())
		if err == nil {
			err = s.send(ctx, out, p)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("list pins: %w", err), it.Close())
		}
	}
	if err := it.Close(); err != nil {
		return fmt.Errorf("list pins: %w", err)
	}
	return nil
}

func (s *store) send(ctx context.Context, out chan<- api.Pin, p api.Pin) error {
	select {
	case out <- p:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return ErrClosed
	}
}

// Has implements state.ReadOnly.
func (s *store) Has(_ context.Context, c api.Cid) (bool, error) {
	if err := s.enter(); err != nil {
		return false, err
	}
	defer s.mu.RUnlock()
	return s.hasPin(c)
}

// hasPin is Has for callers that know the store to be open.
func (s *store) hasPin(c api.Cid) (bool, error) {
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
func (s *store) Get(_ context.Context, c api.Cid) (api.Pin, error) {
	if err := s.enter(); err != nil {
		return api.Pin{}, err
	}
	defer s.mu.RUnlock()
	v, err := s.value(pinKey(c))
	if errors.Is(err, pebble.ErrNotFound) {
		return api.Pin{}, state.ErrNotFound
	}
	if err != nil {
		return api.Pin{}, fmt.Errorf("read pin %s: %w", c, err)
	}
	p, err := decodePin(v)
	if err != nil {
		return api.Pin{}, fmt.Errorf("read pin %s: %w", c, err)
	}
	return p, nil
}
