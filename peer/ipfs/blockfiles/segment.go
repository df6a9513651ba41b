package blockfiles

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ipfs/go-datastore"
)

const (
	// segmentSize is the length from which a file takes no more blocks.
	segmentSize = 1 << 30
	// grain is what places in a file are multiples of, so that the file system can give back the space of each.
	grain = 4 << 10
	// segmentSuffix ends the names of the files.
	segmentSuffix = ".blocks"
)

// segment is a file of large blocks.
type segment struct {
	number uint32
	file   *os.File
	end    int64 // where the next block goes
	live   int64 // bytes of the blocks that the index has
	coming int64 // bytes of the places that are given out and not in the index yet
}

// segments are the files of large blocks. The last one grows; what is removed becomes a hole, and a file without blocks
// goes.
type segments struct {
	dir string

	// accounting is held from a change of what is in use to its place in the index, so that the latest comes last.
	accounting sync.Mutex

	mu     sync.RWMutex
	open   map[uint32]*segment
	active *segment
	next   uint32
	dirty  map[*segment]bool // written since the last sync
	fresh  bool              // there is a file whose name may not be on the disk
	freed  []place           // removed since the last commit
	holes  int64             // bytes of those
}

// room is how much of a file a block takes.
func (p place) room() int64 { return (int64(p.length) + grain - 1) / grain * grain }

// openSegments opens the files that the index knows. What a power cut has left behind the last block of a file is cut off,
// and a file that the index does not know is removed: nothing of it was ever promised.
func openSegments(dir string, index *pebble.DB) (_ *segments, err error) {
	s := &segments{dir: dir, open: make(map[uint32]*segment), dirty: make(map[*segment]bool), next: 1}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	names, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		base := filepath.Base(name)
		number, err := strconv.ParseUint(base[:len(base)-len(segmentSuffix)], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("unexpected file %s", name)
		}
		if err := s.openOne(name, uint32(number), index); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *segments) openOne(name string, number uint32, index *pebble.DB) error {
	s.next = max(s.next, number+1)
	raw, closer, err := index.Get(segmentKey(number))
	if errors.Is(err, pebble.ErrNotFound) {
		return os.Remove(name)
	}
	if err != nil {
		return err
	}
	defer closer.Close()
	if len(raw) != 16 {
		return fmt.Errorf("%s: %w", name, errCorrupt)
	}
	g := &segment{number: number, end: int64(binary.BigEndian.Uint64(raw)), live: int64(binary.BigEndian.Uint64(raw[8:]))}
	if g.file, err = os.OpenFile(name, os.O_RDWR, 0); err != nil {
		return err
	}
	s.open[number] = g
	info, err := g.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() > g.end {
		if err := g.file.Truncate(g.end); err != nil {
			return err
		}
	}
	if s.active == nil || number > s.active.number {
		s.active = g
	}
	return nil
}

// append writes a block behind the last one. The index may name the place after the next sync.
func (s *segments) append(value []byte) (place, error) {
	g, at, err := s.reserve(len(value))
	if err != nil {
		return place{}, err
	}
	_, err = g.file.WriteAt(value, at.offset)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		g.coming -= at.room()
		_ = punchHole(g.file, at.offset, at.room()) // the place is lost anyway
		return place{}, err
	}
	s.dirty[g] = true
	return at, nil
}

func (s *segments) reserve(length int) (*segment, place, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active == nil || s.active.end >= segmentSize {
		name := filepath.Join(s.dir, fmt.Sprintf("%08d%s", s.next, segmentSuffix))
		file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, place{}, err
		}
		s.active = &segment{number: s.next, file: file}
		s.open[s.next] = s.active
		s.next++
		s.fresh = true
	}
	at := place{segment: s.active.number, offset: s.active.end, length: uint32(length)}
	s.active.end += at.room()
	s.active.coming += at.room()
	return s.active, at, nil
}

// read returns the block at a place.
func (s *segments) read(at place) ([]byte, error) {
	s.mu.RLock()
	g := s.open[at.segment]
	s.mu.RUnlock()
	if g == nil {
		return nil, fmt.Errorf("read block in file %d: %w", at.segment, fs.ErrNotExist)
	}
	value := make([]byte, at.length)
	if _, err := g.file.ReadAt(value, at.offset); err != nil {
		return nil, fmt.Errorf("read block: %w", err)
	}
	return value, nil
}

// sync brings what was appended to the disk.
func (s *segments) sync() error {
	s.mu.Lock()
	dirty, fresh := s.dirty, s.fresh
	s.dirty, s.fresh = make(map[*segment]bool), false
	s.mu.Unlock()
	for g := range dirty {
		if err := syncData(g.file); err != nil {
			return err
		}
	}
	if !fresh {
		return nil
	}
	return syncDir(s.dir)
}

func syncDir(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// free notes that a block's entry is gone, and tells whether so much is to be given back that a commit should do it.
func (s *segments) free(at place) (much bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.freed = append(s.freed, at)
	s.holes += at.room()
	return s.holes > earlyBytes
}

func (s *segments) takeFreed() []place {
	s.mu.Lock()
	defer s.mu.Unlock()
	freed := s.freed
	s.freed, s.holes = nil, 0
	return freed
}

// admit puts into the batch how much of each file is in use with the blocks that come. The caller holds accounting.
func (s *segments) admit(b *pebble.Batch, come map[datastore.Key]place) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	touched := make(map[*segment]bool)
	for _, at := range come {
		g := s.open[at.segment]
		g.coming -= at.room()
		g.live += at.room()
		touched[g] = true
	}
	for g := range touched {
		if err := g.record(b); err != nil {
			return err
		}
	}
	return nil
}

// dismiss puts into the batch how much of its file is in use without a block that goes. The caller holds accounting.
func (s *segments) dismiss(b *pebble.Batch, gone place) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.open[gone.segment]
	if g == nil {
		return nil
	}
	g.live -= gone.room()
	return g.record(b)
}

// record puts into the batch how much of the file is in use.
func (g *segment) record(b *pebble.Batch) error {
	raw := binary.BigEndian.AppendUint64(nil, uint64(g.end))
	raw = binary.BigEndian.AppendUint64(raw, uint64(max(g.live, 0)))
	return b.Set(segmentKey(g.number), raw, nil)
}

// punch gives back the space of removed blocks. Where the file system cannot make holes it keeps the space until the whole
// file goes.
func (s *segments) punch(freed []place, alone *sync.RWMutex) {
	for _, at := range freed {
		alone.Lock()
		s.punchOne(at)
		alone.Unlock()
	}
}

func (s *segments) punchOne(at place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.open[at.segment]
	switch {
	case g == nil:
	case g.live <= 0 && g.coming == 0 && g != s.active:
		delete(s.open, g.number)
		_ = g.file.Close() // nothing is written to it any more
		_ = os.Remove(g.file.Name())
	default:
		_ = punchHole(g.file, at.offset, at.room())
	}
}

// usage returns how many bytes the blocks take.
func (s *segments) usage() (sum uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, g := range s.open {
		sum += uint64(max(g.live, 0))
	}
	return sum
}

func (s *segments) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, g := range s.open {
		errs = append(errs, g.file.Close())
	}
	clear(s.open)
	return errors.Join(errs...)
}
