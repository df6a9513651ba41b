package raftstore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hashicorp/raft"
)

func TestLogKeepsEntriesAndVotes(t *testing.T) {
	dir := t.TempDir()
	l, fatal := testLog(t, dir, nil)
	if n, err := l.GetUint64([]byte("term")); n != 0 || err != nil {
		t.Errorf("a term of a new log: %d, %v", n, err)
	}
	err := errors.Join(appendEntries(l, 1, 200), l.SetUint64([]byte("term"), 7), l.Set([]byte("vote"), []byte("peer")),
		l.DeleteRange(1, 50), l.DeleteRange(191, 200), appendEntries(l, 191, 195))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		first, firstErr := l.FirstIndex()
		last, lastErr := l.LastIndex()
		term, termErr := l.GetUint64([]byte("term"))
		vote, voteErr := l.Get([]byte("vote"))
		if err := errors.Join(firstErr, lastErr, termErr, voteErr, readAll(l, 51, 195)); err != nil {
			t.Fatal(err)
		}
		if first != 51 || last != 195 || term != 7 || string(vote) != "peer" {
			t.Errorf("entries %d to %d, term %d, vote %q", first, last, term, vote)
		}
		if err := l.GetLog(196, new(raft.Log)); !errors.Is(err, raft.ErrLogNotFound) {
			t.Errorf("an absent entry: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l, fatal = testLog(t, dir, nil)
	}
	if len(*fatal) > 0 {
		t.Errorf("fatal: %v", *fatal)
	}
}

// What the disk holds after a failed write is not known: the first one is
// reported, and there is no second.
func TestFailedWritesAreFatal(t *testing.T) {
	eio := error(syscall.EIO)
	for what, order := range map[string]func(*disk){
		"write": func(d *disk) { d.write.Store(&eio) },
		"sync":  func(d *disk) { d.sync.Store(&eio) },
	} {
		dir, d := t.TempDir(), newDisk()
		l, fatal := testLog(t, dir, d)
		if err := appendEntries(l, 1, 5); err != nil {
			t.Fatal(err)
		}
		order(d)
		if err := appendEntries(l, 6, 6); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: got error %v", what, err)
		}
		d.write.Store(nil)
		d.sync.Store(nil)
		for name, err := range map[string]error{
			"append": appendEntries(l, 6, 6), "delete": l.DeleteRange(1, 2), "vote": l.Set([]byte("vote"), nil),
		} {
			if !errors.Is(err, syscall.EIO) {
				t.Errorf("%s after a failed %s: got error %v", name, what, err)
			}
		}
		if len(*fatal) != 1 || !strings.Contains((*fatal)[0].Error(), dir) || !strings.Contains((*fatal)[0].Error(), "append to raft log") {
			t.Errorf("%s: fatal errors %v, want one that names the log", what, *fatal)
		}
	}
}

func TestFailedVoteIsFatal(t *testing.T) {
	dir := t.TempDir()
	l, fatal := testLog(t, dir, nil)
	spare := filepath.Join(dir, spareName)
	if err := errors.Join(os.Remove(spare), os.Mkdir(spare, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := l.SetUint64([]byte("term"), 1); err == nil {
		t.Error("a vote that could not be written was accepted")
	}
	if len(*fatal) != 1 || !strings.Contains((*fatal)[0].Error(), filepath.Join(dir, metaName)) {
		t.Errorf("fatal errors %v, want one that names the file", *fatal)
	}
	if err := os.Remove(spare); err != nil {
		t.Fatal(err)
	}
}

// A full disk refuses entries; with space they are taken again, nothing that was
// stored is lost and nothing that was refused appears.
func TestFullDiskIsNotFatal(t *testing.T) {
	full := error(syscall.ENOSPC)
	for what, p := range map[string]func(*disk) interface{ Store(*error) }{
		"write":  func(d *disk) interface{ Store(*error) } { return &d.write },
		"sync":   func(d *disk) interface{ Store(*error) } { return &d.sync },
		"create": func(d *disk) interface{ Store(*error) } { return &d.create },
	} {
		t.Run(what, func(t *testing.T) {
			dir, d := t.TempDir(), newDisk()
			l, fatal := testLog(t, dir, d)
			room := true
			l.opts.Room = func() bool { return room }
			if err := appendEntries(l, 1, 100); err != nil {
				t.Fatal(err)
			}
			p(d).Store(&full)
			room = false
			// Creation fails when the next file is due, the others at once.
			stored := uint64(100)
			var err error
			for err == nil {
				if err = appendEntries(l, stored+1, stored+1); err == nil {
					stored++
				}
			}
			for range 3 {
				if err := appendEntries(l, stored+1, stored+1); err == nil {
					t.Fatal("an entry was stored without space")
				}
			}
			if err := readAll(l, 1, stored); err != nil {
				t.Errorf("reading meanwhile: %v", err)
			}
			if err := l.SetUint64([]byte("term"), 9); err != nil {
				t.Errorf("a vote meanwhile: %v", err)
			}
			room = true // only seemingly
			if err := appendEntries(l, stored+1, stored+1); err == nil {
				t.Fatal("an entry was stored without space")
			}
			p(d).Store(nil)
			if err := appendEntries(l, stored+1, stored+50); err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			l, _ = testLog(t, dir, nil)
			last, err := l.LastIndex()
			if err := errors.Join(err, readAll(l, 1, stored+50)); err != nil || last != stored+50 {
				t.Errorf("ends at %d, want %d, %v", last, stored+50, err)
			}
			if len(*fatal) > 0 {
				t.Errorf("fatal: %v", *fatal)
			}
		})
	}
}

func TestMissingMetaIsRefused(t *testing.T) {
	dir := t.TempDir()
	l, _ := testLog(t, dir, nil)
	if err := errors.Join(appendEntries(l, 1, 100), l.Close(), os.Remove(filepath.Join(dir, metaName))); err != nil {
		t.Fatal(err)
	}
	before := len(names(t, dir))
	if _, err := OpenLog(l.opts); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), metaName) {
		t.Errorf("got error %v, want one that names the file", err)
	}
	if len(names(t, dir)) != before {
		t.Error("files of the log were deleted")
	}
}
