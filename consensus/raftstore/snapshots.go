package raftstore

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// A snapshot is one file:
//
//	4 bytes "ULSN", version byte, length (4 bytes, big endian), JSON of the header
//	CRC-32C of everything before it (4 bytes, big endian)
//	what the state machine wrote
//	CRC-64 of that (8 bytes, big endian)
const (
	snapMagic   = "ULSN"
	snapVersion = 1
	snapPrefix  = len(snapMagic) + 1 + 4
	snapSuffix  = ".snap"
	tempSuffix  = ".tmp"
	maxHeader   = 16 << 20
)

// snapHeader is what raft wants to know of a snapshot.
type snapHeader struct {
	Version            raft.SnapshotVersion
	Index, Term        uint64
	Configuration      raft.Configuration
	ConfigurationIndex uint64
}

// Snapshots is raft's snapshot store. It keeps the newest snapshot.
type Snapshots struct {
	dir string
	mu  sync.Mutex // held while files come and go
}

var _ raft.SnapshotStore = (*Snapshots)(nil)

// OpenSnapshots opens or creates a store in dir and deletes what a crash left
// unfinished.
func OpenSnapshots(dir string) (*Snapshots, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create snapshot directory: %w", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"+tempSuffix))
	if err != nil {
		return nil, fmt.Errorf("open snapshots in %s: %w", dir, err)
	}
	for _, f := range left {
		if err := os.Remove(f); err != nil {
			return nil, fmt.Errorf("delete unfinished snapshot: %w", err)
		}
	}
	return &Snapshots{dir: dir}, nil
}

func (s *Snapshots) path(id string) string { return filepath.Join(s.dir, id+snapSuffix) }

// List implements raft.SnapshotStore.
func (s *Snapshots) List() ([]*raft.SnapshotMeta, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	files, err := filepath.Glob(filepath.Join(s.dir, "*"+snapSuffix))
	if err != nil {
		return nil, fmt.Errorf("list snapshots in %s: %w", s.dir, err)
	}
	var list []*raft.SnapshotMeta
	for _, f := range files {
		m, r, err := openSnapshot(f)
		if err != nil {
			return nil, err
		}
		if err := r.Close(); err != nil {
			return nil, fmt.Errorf("list snapshots in %s: %w", s.dir, err)
		}
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b *raft.SnapshotMeta) int {
		return cmp.Or(cmp.Compare(b.Term, a.Term), cmp.Compare(b.Index, a.Index), cmp.Compare(b.ID, a.ID))
	})
	return list, nil
}

// Open implements raft.SnapshotStore. The reader compares the checksum when it
// comes to the end, and fails there if that is wrong.
func (s *Snapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return openSnapshot(s.path(id))
}

func openSnapshot(path string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("open snapshot: %w", err)
	}
	m, err := readHeader(f)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open snapshot %s: %w", path, err), f.Close())
	}
	m.ID = strings.TrimSuffix(filepath.Base(path), snapSuffix)
	r := &snapReader{file: f, path: path, left: m.Size, sum: newSum()}
	r.buf = bufio.NewReaderSize(f, 64<<10)
	return m, r, nil
}

func newSum() hash.Hash64 { return crc64.New(crc64.MakeTable(crc64.ECMA)) }

// readHeader leaves f at the beginning of the state machine's part.
func readHeader(f *os.File) (*raft.SnapshotMeta, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	head := make([]byte, snapPrefix)
	if _, err := io.ReadFull(f, head); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrCorrupt, err)
	}
	n := binary.BigEndian.Uint32(head[len(snapMagic)+1:])
	if string(head[:len(snapMagic)]) != snapMagic || head[len(snapMagic)] != snapVersion || n > maxHeader {
		return nil, fmt.Errorf("%w: header %x", ErrCorrupt, head)
	}
	rest := make([]byte, int(n)+4)
	if _, err := io.ReadFull(f, rest); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrCorrupt, err)
	}
	text, sum := rest[:n], binary.BigEndian.Uint32(rest[n:])
	if crc32.Checksum(append(head, text...), crc32.MakeTable(crc32.Castagnoli)) != sum {
		return nil, fmt.Errorf("%w: wrong checksum of the header", ErrCorrupt)
	}
	var h snapHeader
	if err := json.Unmarshal(text, &h); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrCorrupt, err)
	}
	size := info.Size() - int64(snapPrefix) - int64(n) - 4 - 8
	if size < 0 {
		return nil, fmt.Errorf("%w: cut off", ErrCorrupt)
	}
	return &raft.SnapshotMeta{
		Version: h.Version, Index: h.Index, Term: h.Term, Size: size,
		Configuration: h.Configuration, ConfigurationIndex: h.ConfigurationIndex,
	}, nil
}

// snapReader yields the state machine's part of a snapshot.
type snapReader struct {
	file *os.File
	path string
	buf  *bufio.Reader
	left int64
	sum  hash.Hash64
	end  error // what follows the last byte, nil until it is known
}

// Read implements io.Reader.
func (r *snapReader) Read(b []byte) (int, error) {
	if r.left == 0 {
		if r.end == nil {
			r.end = r.verify()
		}
		return 0, r.end
	}
	n, err := r.buf.Read(b[:min(int64(len(b)), r.left)])
	r.left -= int64(n)
	r.sum.Write(b[:n]) // a hash never fails
	if r.left > 0 {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("read snapshot %s: %w: cut off", r.path, ErrCorrupt)
		}
		return n, err
	}
	// Some readers know the size and never ask for the end: damage must show
	// with the last piece already.
	if r.end = r.verify(); !errors.Is(r.end, io.EOF) {
		return n, r.end
	}
	return n, nil
}

func (r *snapReader) verify() error {
	var want [8]byte
	if _, err := io.ReadFull(r.buf, want[:]); err != nil {
		return fmt.Errorf("read snapshot %s: %w", r.path, err)
	}
	if r.sum.Sum64() != binary.BigEndian.Uint64(want[:]) {
		return fmt.Errorf("read snapshot %s: %w: wrong checksum", r.path, ErrCorrupt)
	}
	return io.EOF
}

// Close implements io.Closer.
func (r *snapReader) Close() error { return r.file.Close() }

// Create implements raft.SnapshotStore.
func (s *Snapshots) Create(version raft.SnapshotVersion, index, term uint64, conf raft.Configuration,
	confIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	text, err := json.Marshal(snapHeader{
		Version: version, Index: index, Term: term, Configuration: conf, ConfigurationIndex: confIndex,
	})
	if err != nil {
		return nil, fmt.Errorf("create snapshot: %w", err)
	}
	k := &sink{store: s, id: fmt.Sprintf("%d-%d-%d", term, index, time.Now().UnixNano()), sum: newSum()}
	if k.file, err = os.Create(filepath.Join(s.dir, k.id+tempSuffix)); err != nil {
		return nil, fmt.Errorf("create snapshot: %w", err)
	}
	k.buf = bufio.NewWriterSize(k.file, 64<<10)
	head := append([]byte(snapMagic), snapVersion)
	head = binary.BigEndian.AppendUint32(head, uint32(len(text)))
	head = append(head, text...)
	head = binary.BigEndian.AppendUint32(head, crc32.Checksum(head, crc32.MakeTable(crc32.Castagnoli)))
	if _, err := k.buf.Write(head); err != nil {
		return nil, errors.Join(fmt.Errorf("create snapshot: %w", err), k.Cancel())
	}
	return k, nil
}
