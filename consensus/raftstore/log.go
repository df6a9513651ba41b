package raftstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// ErrCorrupt: stored bytes fail their checks.
var ErrCorrupt = errors.New("damaged file")

// Options configure OpenLog. All are required.
type Options struct {
	// Dir holds the files of the log. It is created when absent.
	Dir string
	// SegmentBytes is the size of these files.
	SegmentBytes int
	// Logger receives raft-wal's lines.
	Logger hclog.Logger
	// Fatal is called, after Arm, when a write failed or a stored entry is
	// damaged. It should end the process: the log refuses all writes
	// afterwards.
	Fatal func(error)
	// Room reports whether the disk has space. The log is repaired after a
	// write that failed for lack of space, but not before there is room.
	Room func() bool

	vfs types.VFS // of the log's files, nil: the real one
}

// Log is raft's log and stable store. Every entry carries a checksum.
type Log struct {
	opts  Options
	meta  *meta
	last  atomic.Uint64 // last entry that raft was told is stored
	stuck atomic.Bool   // a write failed for lack of space
	armed atomic.Bool

	writeMu sync.Mutex // held by one change at a time, so that last is right

	mu     sync.RWMutex // held to exchange wal
	wal    *wal.WAL
	closed bool

	failMu sync.Mutex
	failed error // sticks
}

var (
	_ raft.LogStore          = (*Log)(nil)
	_ raft.StableStore       = (*Log)(nil)
	_ raft.MonotonicLogStore = (*Log)(nil)
)

// OpenLog opens or creates a log. Close must be called.
func OpenLog(o Options) (*Log, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("create log directory: %w", err)
	}
	l := &Log{opts: o, meta: newMeta(o.Dir)}
	var err error
	if l.wal, err = l.open(); err != nil {
		return nil, err
	}
	last, err := l.wal.LastIndex()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open raft log in %s: %w", o.Dir, err), l.Close())
	}
	l.last.Store(last)
	return l, nil
}

func (l *Log) open() (*wal.WAL, error) {
	if err := l.meta.removeUnborn(); err != nil {
		return nil, fmt.Errorf("open raft log in %s: %w", l.opts.Dir, err)
	}
	vfs := l.opts.vfs
	if vfs == nil {
		vfs = fs.New()
	}
	w, err := wal.Open(l.opts.Dir,
		wal.WithLogger(l.opts.Logger), wal.WithSegmentSize(l.opts.SegmentBytes), wal.WithMetaStore(l.meta),
		wal.WithSegmentFiler(segment.NewFiler(l.opts.Dir, vfs)))
	if err != nil {
		return nil, fmt.Errorf("open raft log in %s: %w", l.opts.Dir, err)
	}
	return w, nil
}

// Arm makes faults fatal from now on. Before, whoever is starting raft gets them
// as errors.
func (l *Log) Arm() { l.armed.Store(true) }

// Close closes the files. raft must have stopped. It may be called twice.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	if err := l.wal.Close(); err != nil {
		return fmt.Errorf("close raft log in %s: %w", l.opts.Dir, err)
	}
	return nil
}

// IsMonotonic implements raft.MonotonicLogStore.
func (l *Log) IsMonotonic() bool { return true }

// FirstIndex implements raft.LogStore.
func (l *Log) FirstIndex() (uint64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.wal.FirstIndex()
}

// LastIndex implements raft.LogStore.
func (l *Log) LastIndex() (uint64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.wal.LastIndex()
}

// GetLog implements raft.LogStore. A damaged entry is fatal: raft would go on
// without the follower that needs it, or stop without naming the file.
func (l *Log) GetLog(index uint64, out *raft.Log) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	err := l.wal.GetLog(index, out)
	if err == nil {
		err = unseal(index, out)
	}
	switch {
	case err == nil, errors.Is(err, wal.ErrClosed):
		return err
	case errors.Is(err, wal.ErrNotFound) && !l.holds(index):
		return raft.ErrLogNotFound
	default:
		return l.fail(fmt.Errorf("read raft log: file %s: entry %d: %w", l.segmentOf(index), index, errors.Join(ErrCorrupt, err)))
	}
}

func (l *Log) holds(index uint64) bool {
	first, err := l.wal.FirstIndex()
	last, lastErr := l.wal.LastIndex()
	return errors.Join(err, lastErr) == nil && first > 0 && index >= first && index <= last
}

// segmentOf names the file that should hold an entry.
func (l *Log) segmentOf(index uint64) string {
	name := l.opts.Dir
	files, _ := filepath.Glob(filepath.Join(l.opts.Dir, "*.wal")) // sorted
	for _, f := range files {
		var base, id uint64
		if _, err := fmt.Sscanf(filepath.Base(f), "%020d-%016x.wal", &base, &id); err == nil && base <= index {
			name = f
		}
	}
	return name
}

// StoreLog implements raft.LogStore.
func (l *Log) StoreLog(e *raft.Log) error { return l.StoreLogs([]*raft.Log{e}) }

// StoreLogs implements raft.LogStore.
func (l *Log) StoreLogs(entries []*raft.Log) error {
	sealed := make([]*raft.Log, len(entries))
	for i, e := range entries {
		sealed[i] = seal(e)
	}
	return l.write("append to", func(w *wal.WAL) error { return w.StoreLogs(sealed) })
}

// DeleteRange implements raft.LogStore.
func (l *Log) DeleteRange(first, last uint64) error {
	return l.write("delete from", func(w *wal.WAL) error { return w.DeleteRange(first, last) })
}

// write changes the log, after repairing it if that is due.
func (l *Log) write(action string, f func(*wal.WAL) error) error {
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	if err := l.failure(); err != nil {
		return err
	}
	if l.stuck.Load() {
		if err := l.repair(); err != nil {
			return err
		}
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	err := f(l.wal)
	if err == nil {
		last, err := l.wal.LastIndex()
		l.last.Store(last)
		return err
	}
	err = fmt.Errorf("%s raft log in %s: %w", action, l.opts.Dir, err)
	switch {
	case errors.Is(err, wal.ErrClosed):
		return err
	case isFull(err), errors.Is(err, wal.ErrSealed):
		// Sealed: the next file could not be created, for a reason that the
		// repair finds out.
		l.stuck.Store(true)
		return err
	default:
		return l.fail(err)
	}
}

// repair opens the log again after a write that failed half-way for lack of
// space, and drops what that write may have left. Readers keep the old one until
// then.
func (l *Log) repair() error {
	if !l.opts.Room() {
		return fmt.Errorf("write raft log in %s: %w", l.opts.Dir, syscall.ENOSPC)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return wal.ErrClosed
	}
	if !l.stuck.Load() {
		return nil
	}
	fresh, err := l.open()
	if err != nil {
		if isFull(err) {
			return err
		}
		return l.fail(err)
	}
	want := l.last.Load()
	last, err := fresh.LastIndex()
	if err == nil && last > want {
		err = fresh.DeleteRange(want+1, last)
	} else if err == nil && last < want {
		err = fmt.Errorf("%w: ends at entry %d instead of %d", ErrCorrupt, last, want)
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("repair raft log in %s: %w", l.opts.Dir, err), fresh.Close())
		if isFull(err) {
			return err
		}
		return l.fail(err)
	}
	old := l.wal
	l.wal = fresh
	l.stuck.Store(false)
	if err := old.Close(); err != nil {
		l.opts.Logger.Warn("close of the log before its repair failed", "error", err)
	}
	return nil
}

// fail reports the first failure and makes it stick.
func (l *Log) fail(err error) error {
	l.failMu.Lock()
	first := l.failed == nil
	if first {
		l.failed = err
	}
	l.failMu.Unlock()
	if first && l.armed.Load() {
		l.opts.Fatal(err)
	}
	return err
}

func (l *Log) failure() error {
	l.failMu.Lock()
	defer l.failMu.Unlock()
	return l.failed
}

// isFull tells lack of space from other faults.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// Set implements raft.StableStore.
func (l *Log) Set(key, value []byte) error {
	if err := l.failure(); err != nil {
		return err
	}
	err := l.meta.SetStable(key, value)
	if err != nil && !isFull(err) {
		return l.fail(err)
	}
	return err
}

// Get implements raft.StableStore.
func (l *Log) Get(key []byte) ([]byte, error) { return l.meta.GetStable(key) }

// SetUint64 implements raft.StableStore.
func (l *Log) SetUint64(key []byte, value uint64) error {
	return l.Set(key, binary.BigEndian.AppendUint64(nil, value))
}

// GetUint64 implements raft.StableStore.
func (l *Log) GetUint64(key []byte) (uint64, error) {
	v, err := l.Get(key)
	if err != nil || len(v) == 0 {
		return 0, err
	}
	if len(v) != 8 {
		return 0, fmt.Errorf("%w: %s: value of %q has %d bytes", ErrCorrupt, l.meta.path, key, len(v))
	}
	return binary.BigEndian.Uint64(v), nil
}

// The checksum of an entry travels at the end of its extensions, which raft
// itself leaves alone.
const sumLen = 4

func seal(e *raft.Log) *raft.Log {
	sealed := *e
	sealed.Extensions = binary.BigEndian.AppendUint32(append([]byte(nil), e.Extensions...), checksum(e))
	return &sealed
}

// unseal checks an entry that was read and removes its checksum.
func unseal(index uint64, e *raft.Log) error {
	n := len(e.Extensions) - sumLen
	if n < 0 {
		return errors.New("no checksum")
	}
	want := binary.BigEndian.Uint32(e.Extensions[n:])
	if e.Extensions = e.Extensions[:n:n]; n == 0 {
		e.Extensions = nil
	}
	if got := checksum(e); got != want || e.Index != index {
		return fmt.Errorf("checksum %x, expected %x", got, want)
	}
	return nil
}

func checksum(e *raft.Log) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	head := binary.BigEndian.AppendUint64(nil, e.Index)
	head = binary.BigEndian.AppendUint64(head, e.Term)
	head = append(head, byte(e.Type))
	head = binary.BigEndian.AppendUint64(head, uint64(len(e.Data)))
	sum := crc32.Update(crc32.Checksum(head, table), table, e.Data)
	return crc32.Update(sum, table, e.Extensions)
}
