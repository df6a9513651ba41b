package pinset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Keys of the state. The first byte tells the key space.
const (
	keyAccount   = 'a' // then the name of an account
	keyMember    = 'b' // then a peer ID
	keyCharge    = 'c' // then the bytes of the CID of a pin
	keyName      = 'i' // index.go
	keyMetadata  = 'k' // index.go
	keyMeta      = 'm' // then a name
	keyPin       = 'p' // then the bytes of the CID
	keyOutcome   = 'r' // then client ID and sequence
	keyUnsettled = 'u' // then the bytes of the CID of a pin
	keyValue     = 'v' // then the key of a value
)

const (
	metaApplied = "mapplied" // log index, 8 bytes, big endian
	metaCount   = "mcount"   // number of pins, 8 bytes, big endian
	metaVersion = "mversion" // 1 byte
	// storeVersion is the version of the layout of keys and values.
	storeVersion = 1
	// memTableBytes is about how much is replayed from the log after a crash.
	memTableBytes = 8 << 20
)

// Store holds the state on disk. Any goroutine may read it while the state
// machine writes; reads after Close fail with ErrClosed.
type Store struct {
	fs      vfs.FS
	dir     string
	opened  *atomic.Bool // everything that is needed to start was read
	db      *pebble.DB
	lock    *pebble.Lock
	closing chan struct{} // ends long reads
	stopped sync.Once

	mu     sync.RWMutex // held by readers, so that close can wait for them
	closed bool
}

// openStore opens the state in o.Dir, an empty one if there is none.
//
// The store has no log of its own: raft's log brings again what was not flushed
// when the process died. So the state on disk is always one that was current at
// one moment, whichever of its files is lost, and applying an entry does no
// writing that a full disk could fail.
func openStore(o Options) (*Store, error) {
	if err := o.FS.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("create state directory: %w", err)
	}
	// Taken here, because a failed attempt of Pebble's leaves a goroutine behind.
	lock, err := pebble.LockDirectory(o.Dir, o.FS)
	if err != nil {
		return nil, fmt.Errorf("lock state in %s: %w", o.Dir, err)
	}
	opened := new(atomic.Bool)
	po := &pebble.Options{
		FS:                 o.FS,
		Lock:               lock,
		DisableWAL:         true,
		CacheSize:          o.CacheBytes,
		FormatMajorVersion: pebble.FormatTableFormatV6,
		Logger:             storeLogger{log: o.Logger, dir: o.Dir, fatal: o.Fatal},
		MemTableSize:       memTableBytes,
		// Applying goes on while tables are written.
		MemTableStopWritesThreshold: 4,
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) {
				o.Logger.Error("state store background work failed", "error", err)
			},
			// Whoever met the damage gets an error too; while the state is being
			// opened that is enough.
			DataCorruption: func(i pebble.DataCorruptionInfo) {
				if opened.Load() {
					o.Fatal(fmt.Errorf("state: file %s: %w: %w", i.Path, ErrCorrupt, i.Details))
				}
			},
		},
	}
	for i := range po.Levels {
		po.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	db, err := pebble.Open(o.Dir, po)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open state in %s: %w", o.Dir, err), lock.Close())
	}
	s := &Store{fs: o.FS, dir: o.Dir, opened: opened, db: db, lock: lock, closing: make(chan struct{})}
	if err := s.checkVersion(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// checkVersion refuses a state of another layout and marks a new one.
func (s *Store) checkVersion() error {
	v, err := s.value([]byte(metaVersion))
	if errors.Is(err, pebble.ErrNotFound) {
		if err := s.db.Set([]byte(metaVersion), []byte{storeVersion}, pebble.NoSync); err != nil {
			return fmt.Errorf("mark state in %s: %w", s.dir, err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("read version of state in %s: %w", s.dir, err)
	}
	if len(v) != 1 || v[0] != storeVersion {
		return fmt.Errorf("state in %s: version %x is unknown to this program", s.dir, v)
	}
	return nil
}

// close ends running reads, waits for them and closes the files. It may be
// called twice.
func (s *Store) close() error {
	s.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	// A failed flush costs nothing but a longer replay.
	if err := errors.Join(s.db.Flush(), s.db.Close(), s.lock.Close()); err != nil {
		return fmt.Errorf("close state in %s: %w", s.dir, err)
	}
	return nil
}

// Stop makes long reads, snapshots and restores end early.
func (s *Store) Stop() { s.stopped.Do(func() { close(s.closing) }) }

// enter lets a reader in. Every success needs one call of s.mu.RUnlock.
func (s *Store) enter() error {
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return ErrClosed
	}
	return nil
}

// flush makes everything applied durable.
func (s *Store) flush() error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.mu.RUnlock()
	if err := s.db.Flush(); err != nil {
		return fmt.Errorf("flush state in %s: %w", s.dir, err)
	}
	return nil
}

// value returns a copy of the value of key, or pebble.ErrNotFound.
func (s *Store) value(key []byte) ([]byte, error) {
	v, closer, err := s.db.Get(key)
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	return append([]byte(nil), v...), nil
}

// number returns a counter, 0 if it was never set.
func (s *Store) number(key string) (uint64, error) {
	v, err := s.value([]byte(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read %s of state in %s: %w", key, s.dir, err)
	}
	if len(v) != 8 {
		return 0, fmt.Errorf("read %s of state in %s: %w: %d bytes", key, s.dir, ErrCorrupt, len(v))
	}
	return binary.BigEndian.Uint64(v), nil
}

// loadClients reads the client table.
func (s *Store) loadClients() (*clientTable, error) {
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

// storeLogger hands Pebble's lines to slog. Its chatter about compactions is
// only of use when debugging.
type storeLogger struct {
	log   *slog.Logger
	dir   string
	fatal func(error)
}

// Infof implements pebble.Logger.
func (l storeLogger) Infof(format string, args ...any) {
	l.log.Debug("state store", "message", fmt.Sprintf(format, args...))
}

// Errorf implements pebble.Logger.
func (l storeLogger) Errorf(format string, args ...any) {
	l.log.Error("state store failed", "message", fmt.Sprintf(format, args...))
}

// Fatalf implements pebble.Logger. Pebble relies on it not to return.
func (l storeLogger) Fatalf(format string, args ...any) {
	err := fmt.Errorf("state store in %s: "+format, append([]any{l.dir}, args...)...)
	l.fatal(err)
	panic(err)
}
