package sim

import (
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// Log is the raft log and stable store of a disk, as strict as a real one:
// entries follow each other without gaps, and only ends can be deleted.
type Log struct{ d *Disk }

var (
	_ raft.MonotonicLogStore = (*Log)(nil)
	_ raft.StableStore       = (*Log)(nil)
)

// Log returns the disk's log.
func (d *Disk) Log() *Log { return &Log{d: d} }

// Close implements io.Closer.
func (l *Log) Close() error { return nil }

// Arm does nothing: a simulated disk has no faults to report.
func (l *Log) Arm() {}

// IsMonotonic implements raft.MonotonicLogStore.
func (l *Log) IsMonotonic() bool { return true }

// write makes a change that takes the disk's delay: a crash in its first half
// loses it, one in its second half loses only the news.
func (l *Log) write(change func(d *Disk) error) error {
	l.d.mu.Lock()
	delay := l.d.delay
	l.d.mu.Unlock()
	if delay > 0 {
		time.Sleep(delay / 2)
	}
	l.d.mu.Lock()
	err := change(l.d)
	l.d.mu.Unlock()
	if delay > 0 {
		time.Sleep(delay / 2)
	}
	return err
}

// FirstIndex implements raft.LogStore.
func (l *Log) FirstIndex() (uint64, error) {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	return l.d.first, nil
}

// LastIndex implements raft.LogStore.
func (l *Log) LastIndex() (uint64, error) {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	return l.d.last, nil
}

// GetLog implements raft.LogStore.
func (l *Log) GetLog(index uint64, out *raft.Log) error {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	e := l.d.entries[index]
	if e == nil {
		return raft.ErrLogNotFound
	}
	*out = *e
	return nil
}

// StoreLog implements raft.LogStore.
func (l *Log) StoreLog(e *raft.Log) error { return l.StoreLogs([]*raft.Log{e}) }

// StoreLogs implements raft.LogStore.
func (l *Log) StoreLogs(entries []*raft.Log) error {
	return l.write(func(d *Disk) error {
		for _, e := range entries {
			if d.last != 0 && e.Index != d.last+1 {
				return fmt.Errorf("store entry %d after %d", e.Index, d.last)
			}
			kept := *e
			d.entries[e.Index] = &kept
			d.last = e.Index
			if d.first == 0 {
				d.first = e.Index
			}
		}
		return nil
	})
}

// DeleteRange implements raft.LogStore.
func (l *Log) DeleteRange(from, to uint64) error {
	return l.write(func(d *Disk) error {
		from, to := max(from, d.first), min(to, d.last)
		if d.last == 0 || from > to {
			return nil
		}
		if from > d.first && to < d.last {
			return fmt.Errorf("delete entries %d to %d from the middle of %d to %d", from, to, d.first, d.last)
		}
		for i := from; i <= to; i++ {
			delete(d.entries, i)
		}
		switch {
		case from == d.first && to == d.last:
			d.first, d.last = 0, 0
		case from == d.first:
			d.first = to + 1
		default:
			d.last = from - 1
		}
		return nil
	})
}

// Set implements raft.StableStore.
func (l *Log) Set(key, value []byte) error {
	return l.write(func(d *Disk) error {
		d.values[string(key)] = append([]byte(nil), value...)
		return nil
	})
}

// Get implements raft.StableStore: an absent value is nil.
func (l *Log) Get(key []byte) ([]byte, error) {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	return l.d.values[string(key)], nil
}

// SetUint64 implements raft.StableStore.
func (l *Log) SetUint64(key []byte, n uint64) error {
	return l.write(func(d *Disk) error {
		d.numbers[string(key)] = n
		return nil
	})
}

// GetUint64 implements raft.StableStore: an absent number is 0.
func (l *Log) GetUint64(key []byte) (uint64, error) {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	return l.d.numbers[string(key)], nil
}
