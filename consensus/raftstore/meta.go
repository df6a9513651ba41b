package raftstore

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// The meta file holds what raft must never forget, its term and its vote, and
// which files the log consists of:
//
//	4 bytes "ULRM", version byte, length (4 bytes, big endian), JSON
//	CRC-32C of everything before it (4 bytes, big endian)
//
// and zeros up to metaBytes. It is replaced as a whole: the new content goes to
// a spare file that already has its space on the disk, which then changes places
// with it. So an election needs no free space, and there is always one whole
// file, which damage cannot make look like an older one.
const (
	metaName    = "meta"
	spareName   = "meta.spare"
	metaMagic   = "ULRM"
	metaVersion = 1
	metaHeader  = len(metaMagic) + 1 + 4
	metaBytes   = 64 << 10
)

// meta implements raft-wal's types.MetaStore.
type meta struct {
	dir, path string

	mu      sync.Mutex
	loaded  bool
	content metaContent
}

type metaContent struct {
	Log    types.PersistentState
	Stable map[string][]byte
}

func newMeta(dir string) *meta {
	return &meta{dir: dir, path: filepath.Join(dir, metaName)}
}

// Load implements types.MetaStore.
func (m *meta) Load(string) (types.PersistentState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.loaded {
		return m.content.Log, nil
	}
	data, err := os.ReadFile(m.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// raft-wal would delete the files that an empty log does not know.
		if files, _ := filepath.Glob(filepath.Join(m.dir, "*.wal")); len(files) > 0 {
			return types.PersistentState{}, fmt.Errorf("%w: %s is missing, but not the log's other files", ErrCorrupt, m.path)
		}
		m.content = metaContent{Stable: make(map[string][]byte)}
		if err := m.save(m.content); err != nil {
			return types.PersistentState{}, err
		}
	case err != nil:
		return types.PersistentState{}, fmt.Errorf("read %s: %w", m.path, err)
	default:
		if m.content, err = decodeMeta(data); err != nil {
			return types.PersistentState{}, fmt.Errorf("read %s: %w", m.path, err)
		}
	}
	m.loaded = true
	return m.content.Log, m.prepareSpare()
}

// CommitState implements types.MetaStore.
func (m *meta) CommitState(s types.PersistentState) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.replace(metaContent{Log: s, Stable: m.content.Stable})
}

// GetStable implements types.MetaStore.
func (m *meta) GetStable(key []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.content.Stable[string(key)]), nil
}

// SetStable implements types.MetaStore.
func (m *meta) SetStable(key, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := metaContent{Log: m.content.Log, Stable: make(map[string][]byte)}
	for k, v := range m.content.Stable {
		next.Stable[k] = v
	}
	next.Stable[string(key)] = slices.Clone(value)
	return m.replace(next)
}

// Close implements types.MetaStore. The files are open only while in use, and
// this one outlives a repair of the log.
func (m *meta) Close() error { return nil }

func (m *meta) replace(c metaContent) error {
	if err := m.save(c); err != nil {
		return err
	}
	m.content = c
	return nil
}

// save writes the spare file and puts it in the place of the meta file.
func (m *meta) save(c metaContent) error {
	data, err := encodeMeta(c)
	if err != nil {
		return fmt.Errorf("write %s: %w", m.path, err)
	}
	spare := filepath.Join(m.dir, spareName)
	if err := writeSynced(spare, data); err != nil {
		return fmt.Errorf("write %s: %w", m.path, err)
	}
	if err := swap(spare, m.path); err != nil {
		return fmt.Errorf("write %s: %w", m.path, err)
	}
	if err := syncDir(m.dir); err != nil {
		return fmt.Errorf("write %s: %w", m.path, err)
	}
	return nil
}

// prepareSpare makes sure that the spare file has its space.
func (m *meta) prepareSpare() error {
	spare := filepath.Join(m.dir, spareName)
	if info, err := os.Stat(spare); err == nil && info.Size() >= metaBytes {
		return nil
	}
	if err := writeSynced(spare, make([]byte, metaBytes)); err != nil {
		return fmt.Errorf("write %s: %w", spare, err)
	}
	return nil
}

// removeUnborn deletes a last file of the log that the disk had no space for
// when it was created. It is told by its size: all others are created whole.
func (m *meta) removeUnborn() error {
	state, err := m.Load(m.dir)
	if err != nil || len(state.Segments) == 0 {
		return err
	}
	tail := state.Segments[len(state.Segments)-1]
	path := filepath.Join(m.dir, segment.FileName(tail))
	info, err := os.Stat(path)
	if err != nil || info.Size() >= int64(tail.SizeLimit) || !isBlank(path) {
		return nil // raft-wal deals with a file that is absent
	}
	return os.Remove(path)
}

// isBlank reports whether a file holds nothing but zeros.
func isBlank(path string) bool {
	data, err := os.ReadFile(path)
	return err == nil && strings.Trim(string(data), "\x00") == ""
}

func encodeMeta(c metaContent) ([]byte, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	b := append([]byte(metaMagic), metaVersion)
	b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
	b = append(b, text...)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	if len(b) < metaBytes {
		b = append(b, make([]byte, metaBytes-len(b))...)
	}
	return b, nil
}

func decodeMeta(b []byte) (metaContent, error) {
	var c metaContent
	if len(b) < metaHeader || string(b[:len(metaMagic)]) != metaMagic || b[len(metaMagic)] != metaVersion {
		return c, fmt.Errorf("%w: no header", ErrCorrupt)
	}
	n := uint64(binary.BigEndian.Uint32(b[len(metaMagic)+1:]))
	if uint64(len(b)) < uint64(metaHeader)+n+4 {
		return c, fmt.Errorf("%w: cut off", ErrCorrupt)
	}
	end := uint64(metaHeader) + n
	if crc32.Checksum(b[:end], crc32.MakeTable(crc32.Castagnoli)) != binary.BigEndian.Uint32(b[end:]) {
		return c, fmt.Errorf("%w: wrong checksum", ErrCorrupt)
	}
	if err := json.Unmarshal(b[metaHeader:end], &c); err != nil {
		return c, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if c.Stable == nil {
		c.Stable = make(map[string][]byte)
	}
	return c, nil
}
