package raftstore

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
)

// sink writes one snapshot to a temporary file, which gets its name when it is
// whole and on the disk.
type sink struct {
	store *Snapshots
	id    string
	file  *os.File
	buf   *bufio.Writer
	sum   hash.Hash64
	done  bool
}

// ID implements raft.SnapshotSink.
func (k *sink) ID() string { return k.id }

// Write implements io.Writer.
func (k *sink) Write(b []byte) (int, error) {
	k.sum.Write(b) // a hash never fails
	n, err := k.buf.Write(b)
	if err != nil {
		return n, fmt.Errorf("write snapshot %s: %w", k.file.Name(), err)
	}
	return n, nil
}

// Cancel implements raft.SnapshotSink.
func (k *sink) Cancel() error {
	if k.done {
		return nil
	}
	k.done = true
	return errors.Join(k.file.Close(), os.Remove(k.file.Name()))
}

// Close implements raft.SnapshotSink.
func (k *sink) Close() error {
	if k.done {
		return nil
	}
	err := k.finish()
	if err != nil {
		return errors.Join(fmt.Errorf("write snapshot %s: %w", k.file.Name(), err), k.Cancel())
	}
	k.done = true
	k.store.mu.Lock()
	defer k.store.mu.Unlock()
	if err := os.Rename(k.file.Name(), k.store.path(k.id)); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	if err := syncDir(k.store.dir); err != nil {
		return fmt.Errorf("write snapshot %s: %w", k.store.path(k.id), err)
	}
	return k.store.deleteOthers(k.id)
}

func (k *sink) finish() error {
	if _, err := k.buf.Write(binary.BigEndian.AppendUint64(nil, k.sum.Sum64())); err != nil {
		return err
	}
	if err := k.buf.Flush(); err != nil {
		return err
	}
	if err := k.file.Sync(); err != nil {
		return err
	}
	return k.file.Close()
}

// deleteOthers deletes all snapshots but one.
func (s *Snapshots) deleteOthers(id string) error {
	files, err := filepath.Glob(filepath.Join(s.dir, "*"+snapSuffix))
	if err != nil {
		return fmt.Errorf("delete old snapshots in %s: %w", s.dir, err)
	}
	for _, f := range files {
		if f == s.path(id) {
			continue
		}
		if err := os.Remove(f); err != nil {
			return fmt.Errorf("delete old snapshot: %w", err)
		}
	}
	return nil
}
