package raftstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	walfs "github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/types"
)

// disk is the real file system with faults to order.
type disk struct {
	types.VFS
	write, sync, create atomic.Pointer[error]
}

func newDisk() *disk { return &disk{VFS: walfs.New()} }

func fault(p *atomic.Pointer[error]) error {
	if err := p.Load(); err != nil {
		return *err
	}
	return nil
}

// Create implements types.VFS.
func (d *disk) Create(dir, name string, size uint64) (types.WritableFile, error) {
	if err := fault(&d.create); err != nil {
		// As a full disk does it: the file is there, its space is not.
		if f, openErr := os.Create(filepath.Join(dir, name)); openErr == nil {
			_ = f.Close()
		}
		return nil, err
	}
	f, err := d.VFS.Create(dir, name, size)
	return &file{WritableFile: f, disk: d}, err
}

// OpenWriter implements types.VFS.
func (d *disk) OpenWriter(dir, name string) (types.WritableFile, error) {
	f, err := d.VFS.OpenWriter(dir, name)
	if err != nil {
		return nil, err
	}
	return &file{WritableFile: f, disk: d}, nil
}

type file struct {
	types.WritableFile
	disk *disk
}

// WriteAt implements io.WriterAt.
func (f *file) WriteAt(b []byte, at int64) (int, error) {
	if err := fault(&f.disk.write); err != nil {
		n, _ := f.WritableFile.WriteAt(b[:len(b)/2], at)
		return n, err
	}
	return f.WritableFile.WriteAt(b, at)
}

// Sync implements types.WritableFile.
func (f *file) Sync() error {
	if err := fault(&f.disk.sync); err != nil {
		return err
	}
	return f.WritableFile.Sync()
}

// testLog opens a log; fatal errors are counted.
func testLog(t testing.TB, dir string, d *disk) (*Log, *[]error) {
	t.Helper()
	var fatal []error
	o := Options{
		Dir: dir, SegmentBytes: 4096, Logger: discard(),
		Fatal: func(err error) { fatal = append(fatal, err) }, Room: func() bool { return true },
	}
	if d != nil {
		o.vfs = d
	}
	l, err := OpenLog(o)
	if err != nil {
		t.Fatal(err)
	}
	l.Arm()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l, &fatal
}

func testEntry(i uint64) *raft.Log {
	e := &raft.Log{Index: i, Term: 1 + i/10, Type: raft.LogCommand, Data: []byte(strings.Repeat(fmt.Sprint("entry ", i, " "), 5))}
	if i%3 == 0 {
		e.Extensions = []byte("extension")
	}
	return e
}

func appendEntries(l *Log, first, last uint64) error {
	for i := first; i <= last; i++ {
		if err := l.StoreLog(testEntry(i)); err != nil {
			return err
		}
	}
	return nil
}

func discard() hclog.Logger { return hclog.NewNullLogger() }

// readAll compares entries with what was appended.
func readAll(l *Log, first, last uint64) error {
	for i := first; i <= last; i++ {
		var e raft.Log
		if err := l.GetLog(i, &e); err != nil {
			return err
		}
		want := testEntry(i)
		if e.Index != i || e.Term != want.Term || e.Type != want.Type || string(e.Data) != string(want.Data) || string(e.Extensions) != string(want.Extensions) {
			return fmt.Errorf("entry %d reads %+v: %w", i, e, errSilent)
		}
	}
	return nil
}

var errSilent = errors.New("silent damage")

// copyDir copies the files of a directory.
func copyDir(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	var all []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			all = append(all, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
