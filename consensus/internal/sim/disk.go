package sim

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

// Disk is what a peer's data is on: files, a raft log and snapshots. Log and
// snapshots are durable once their calls return, files once they are synced.
type Disk struct {
	files *vfs.MemFS

	mu sync.Mutex // held only without waiting
	logImage
	snapshots []*snapshot // newest first
	made      int
	delay     time.Duration
}

// logImage is the content of a raft log.
type logImage struct {
	entries     map[uint64]*raft.Log
	first, last uint64 // 0 when there are none
	numbers     map[string]uint64
	values      map[string][]byte
}

func (l logImage) clone() logImage {
	l.entries, l.numbers, l.values = maps.Clone(l.entries), maps.Clone(l.numbers), maps.Clone(l.values)
	return l
}

// NewDisk returns an empty disk with some directories that survive every crash.
func NewDisk(dirs ...string) (*Disk, error) {
	d := &Disk{files: vfs.NewCrashableMem(), logImage: logImage{
		entries: make(map[uint64]*raft.Log), numbers: make(map[string]uint64), values: make(map[string][]byte),
	}}
	for _, dir := range dirs {
		if err := d.files.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("create %s: %w", dir, err)
		}
		for at := dir; ; at = d.files.PathDir(at) {
			if err := syncDir(d.files, at); err != nil {
				return nil, fmt.Errorf("sync %s: %w", at, err)
			}
			if at == d.files.PathDir(at) {
				break
			}
		}
	}
	return d, nil
}

func syncDir(fs vfs.FS, dir string) error {
	f, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Files returns the disk's files.
func (d *Disk) Files() vfs.FS { return d.files }

// SetDelay makes every write of the log take that long.
func (d *Disk) SetDelay(delay time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.delay = delay
}

// Crash returns the disk as a power cut at this moment would leave it. The given
// share of what was not synced, in percent, is kept by chance. The old disk is
// for the dying process, whose writes go nowhere.
func (d *Disk) Crash(rng *rand.Rand, percent int) *Disk {
	// The log stands still meanwhile, so the state cannot run ahead of it.
	d.mu.Lock()
	defer d.mu.Unlock()
	return &Disk{
		files:    d.files.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng}),
		logImage: d.logImage.clone(), snapshots: slices.Clone(d.snapshots), made: d.made, delay: d.delay,
	}
}

// Forget drops the last entries of the log, as a disk would that acknowledged
// writes it had not made. It is for proving that a test notices.
func (d *Disk) Forget(entries uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for range entries {
		if d.last == 0 || d.last == d.first {
			return
		}
		delete(d.entries, d.last)
		d.last--
	}
}

// Entries returns the log's entries in order.
func (d *Disk) Entries() []*raft.Log {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []*raft.Log
	for i := d.first; i <= d.last && i > 0; i++ {
		all = append(all, d.entries[i])
	}
	return all
}
