package policy

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	// fileSuffix ends the names of denylists.
	fileSuffix = ".deny"
	// maxListBytes bounds a list.
	maxListBytes = 128 << 20
)

// directory has lists of the operator. One goroutine at a time looks at it.
type directory struct {
	path string
	log  *slog.Logger

	mu    sync.Mutex // held to change files, and by those who do not look to read it
	files []*file    // in the order of their names
}

// file is a denylist in the directory.
type file struct {
	name  string
	seen  stamp // at the last look
	taken stamp // what was read, or could not be
	list  *list // nil: none of its contents was ever a list
}

// stamp tells one state of a file from the next.
type stamp struct {
	size int64
	time time.Time
}

// lists returns what was read last.
func (d *directory) lists() (lists []*list) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		if f.list != nil {
			lists = append(lists, f.list)
		}
	}
	return lists
}

// look reads the files that have changed, and tells whether there were any. A file that is being written is left until
// it is complete, unless its look is the first one.
func (d *directory) look(first bool) (changed bool) {
	entries, err := os.ReadDir(d.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		if first {
			d.log.Error("the denylists cannot be read", "directory", d.path, "error", err)
		}
		return false // what was read stays in force
	}
	known := make(map[string]*file)
	for _, f := range d.files {
		known[f.name] = f
	}
	var files []*file
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(d.path, e.Name()))
		if filepath.Ext(e.Name()) != fileSuffix || err != nil || !info.Mode().IsRegular() {
			continue
		}
		f := known[e.Name()]
		if f == nil {
			f = &file{name: e.Name()}
		}
		delete(known, e.Name())
		files = append(files, f)
		now := stamp{info.Size(), info.ModTime()}
		if now != f.taken && (first || now == f.seen) {
			f.taken = now
			changed = d.read(f) || changed
		}
		f.seen = now
	}
	for _, f := range known {
		d.log.Info("a denylist is gone", "file", f.name)
		changed = true
	}
	d.mu.Lock()
	d.files = files
	d.mu.Unlock()
	return changed
}

// read takes over a file if it is a denylist.
func (d *directory) read(f *file) bool {
	var l *list
	data, err := readBounded(filepath.Join(d.path, f.name))
	if err == nil {
		l, err = readList(f.name, data)
	}
	if err != nil {
		d.log.Error("a denylist cannot be read; what it said before stays in force", "file", f.name, "error", err)
		return false
	}
	logList(d.log, l)
	d.mu.Lock()
	f.list = l
	d.mu.Unlock()
	return true
}

func logList(log *slog.Logger, l *list) {
	log.Info("denylist read", "list", l.name, "rules", l.size)
	if l.faults > 0 {
		log.Warn("some lines of a denylist are no rules, and are left out", "list", l.name, "lines", l.faults)
	}
}
