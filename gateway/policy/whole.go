package policy

import (
	"io"

	"github.com/ipfs/boxo/files"
)

// wholeReader tells when it ends too early.
type wholeReader struct {
	io.ReadCloser
	fail func()
}

// Read implements io.Reader.
func (r wholeReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		r.fail()
	}
	return n, err
}

// whole returns a tree that tells when it ends too early.
func whole(n files.Node, fail func()) files.Node {
	switch n := n.(type) {
	case *files.Symlink: // which is a file, too, but has all that it needs
		return n
	case files.File:
		return wholeFile{n, fail}
	case files.Directory:
		return wholeDirectory{n, fail}
	}
	return n
}

type wholeFile struct {
	files.File
	fail func()
}

// Read implements io.Reader.
func (f wholeFile) Read(p []byte) (int, error) { return wholeReader{f.File, f.fail}.Read(p) }

type wholeDirectory struct {
	files.Directory
	fail func()
}

// Entries implements files.Directory.
func (d wholeDirectory) Entries() files.DirIterator {
	return &wholeEntries{DirIterator: d.Directory.Entries(), fail: d.fail}
}

type wholeEntries struct {
	files.DirIterator
	fail func()
}

// Next implements files.DirIterator.
func (e *wholeEntries) Next() bool {
	if e.DirIterator.Next() {
		return true
	}
	if e.Err() != nil {
		e.fail()
	}
	return false
}

// Node implements files.DirEntry.
func (e *wholeEntries) Node() files.Node { return whole(e.DirIterator.Node(), e.fail) }
