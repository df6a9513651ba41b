package raftstore

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
)

// offsets returns where to damage a file of some size: everywhere when FAULT_ALL
// is set, otherwise a sample.
func offsets(size int) []int {
	var all []int
	r := rand.New(rand.NewPCG(uint64(size), 1)) //nolint:gosec // repeatable on purpose
	step := 1
	if os.Getenv("FAULT_ALL") == "" {
		step = max(1, size/40)
	}
	for at := 0; at < size; at += step {
		all = append(all, min(size-1, at+r.IntN(step)))
	}
	return all
}

// damage changes a file: flips a bit, or cuts it off.
func damage(t testing.TB, path string, at int, cut bool) {
	t.Helper()
	if cut {
		if err := os.Truncate(path, int64(at)); err != nil {
			t.Fatal(err)
		}
		return
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 1 << (at % 8)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// content returns the size of a file without the zeros at its end, which no
// format here looks at.
func content(t testing.TB, path string) int {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return len(bytes.TrimRight(b, "\x00"))
}

// Whatever happens to a byte of the log, every entry is read as it was written,
// or not at all: with an error that names the place, or because the log ends
// before it, which the caller can see.
func TestDamagedLogIsFoundOut(t *testing.T) {
	pristine := t.TempDir()
	l, _ := testLog(t, pristine, nil)
	if err := errors.Join(appendEntries(l, 1, 100), l.SetUint64([]byte("term"), 5), l.Close()); err != nil {
		t.Fatal(err)
	}
	faults, shortened := 0, 0
	for _, name := range names(t, pristine) {
		if name == spareName {
			continue
		}
		for _, at := range offsets(content(t, filepath.Join(pristine, name))) {
			for _, cut := range []bool{false, true} {
				dir := filepath.Join(t.TempDir(), "log")
				copyDir(t, pristine, dir)
				damage(t, filepath.Join(dir, name), at, cut)
				faults++
				last, err := inspect(t, dir)
				switch {
				case errors.Is(err, errSilent):
					t.Errorf("%s, byte %d, cut %v: %v", name, at, cut, err)
				case err != nil && !strings.Contains(err.Error(), dir):
					t.Errorf("%s, byte %d, cut %v: the error names no file: %v", name, at, cut, err)
				case err == nil && last < 100:
					shortened++
					if name == metaName {
						t.Errorf("%s, byte %d, cut %v: entries after %d are gone", name, at, cut, last)
					}
				}
			}
		}
	}
	t.Logf("%d faults, %d of them shortened the log", faults, shortened)
}

// inspect reads what a damaged log still has.
func inspect(t *testing.T, dir string) (last uint64, err error) {
	l, err := OpenLog(Options{
		Dir: dir, SegmentBytes: 4096, Logger: discard(), Fatal: func(error) {}, Room: func() bool { return true },
	})
	if err != nil {
		return 0, err
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	first, firstErr := l.FirstIndex()
	last, lastErr := l.LastIndex()
	term, termErr := l.GetUint64([]byte("term"))
	if err := errors.Join(firstErr, lastErr, termErr); err != nil {
		return 0, err
	}
	if term != 5 || first != 1 && last > 0 {
		return last, errSilent
	}
	return last, readAll(l, first, last)
}

func testConfiguration() raft.Configuration {
	return raft.Configuration{Servers: []raft.Server{{ID: "a", Address: "a"}, {ID: "b", Address: "b", Suffrage: raft.Nonvoter}}}
}

func writeSnapshot(t testing.TB, s *Snapshots, index uint64, data []byte) string {
	t.Helper()
	sink, err := s.Create(1, index, 2, testConfiguration(), 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sink.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	return sink.ID()
}

func TestSnapshots(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenSnapshots(dir)
	if err != nil {
		t.Fatal(err)
	}
	writeSnapshot(t, s, 5, []byte("old"))
	id := writeSnapshot(t, s, 10, []byte("new state"))
	unfinished, err := s.Create(1, 20, 2, testConfiguration(), 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	cancelled, err := s.Create(1, 20, 2, testConfiguration(), 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := cancelled.Cancel(); err != nil {
		t.Error(err)
	}
	if s, err = OpenSnapshots(dir); err != nil {
		t.Fatal(err)
	}
	list, err := s.List()
	if err != nil || len(list) != 1 || list[0].ID != id || len(names(t, dir)) != 1 {
		t.Fatalf("got %+v, %v", list, err)
	}
	m, r, err := s.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || string(data) != "new state" {
		t.Errorf("got %q, %v", data, err)
	}
	if m.Index != 10 || m.Term != 2 || m.Size != 9 || m.ConfigurationIndex != 3 || m.Version != 1 || len(m.Configuration.Servers) != 2 || m.Configuration.Servers[1] != testConfiguration().Servers[1] {
		t.Errorf("got %+v", m)
	}
	_ = unfinished.Cancel() // its file is gone
}

func TestDamagedSnapshotIsFoundOut(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenSnapshots(dir)
	if err != nil {
		t.Fatal(err)
	}
	id := writeSnapshot(t, s, 10, bytes.Repeat([]byte("state "), 100))
	path := s.path(id)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	read := func() error {
		_, r, err := s.Open(id)
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = io.Copy(io.Discard, r)
		return err
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	for _, at := range offsets(len(good)) {
		for _, cut := range []bool{false, true} {
			if err := os.WriteFile(path, good, 0o600); err != nil {
				t.Fatal(err)
			}
			damage(t, path, at, cut)
			if err := read(); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), path) {
				t.Errorf("byte %d, cut %v: got error %v, want one that names the file", at, cut, err)
			}
		}
	}
}
