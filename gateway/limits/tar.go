package limits

import (
	"context"
	"fmt"
	"net/http"

	"github.com/ipfs/boxo/files"
)

// maxArchivePath bounds the names of a path in an archive together, in bytes: each entry repeats those above it.
const maxArchivePath = 16 << 10

// shallow is a directory below which only so many directories and bytes of path are visited. Whoever archives it calls
// itself for each directory, so that a DAG deep enough would take all memory.
type shallow struct {
	files.Directory
	ctx    context.Context // of the request, which ends when there is more
	levels int
	length int
}

// Entries implements files.Directory.
func (s shallow) Entries() files.DirIterator {
	return &shallowEntries{DirIterator: s.Directory.Entries(), dir: s}
}

type shallowEntries struct {
	files.DirIterator
	dir  shallow
	deep error
}

// Next implements files.DirIterator.
func (e *shallowEntries) Next() bool {
	if e.deep != nil || !e.DirIterator.Next() {
		return false
	}
	_, isDir := e.DirIterator.Node().(files.Directory)
	if len(e.Name()) > e.dir.length || (isDir && e.dir.levels == 0) {
		e.deep = fmt.Errorf("the directories within each other are more, or their names longer, than this gateway archives")
		cut(e.dir.ctx, KindSize, http.StatusGone, e.deep)
		return false
	}
	return true
}

// Node implements files.DirEntry.
func (e *shallowEntries) Node() files.Node {
	node := e.DirIterator.Node()
	if dir, ok := node.(files.Directory); ok {
		return shallow{dir, e.dir.ctx, e.dir.levels - 1, e.dir.length - len(e.Name()) - 1}
	}
	return node
}

// Err implements files.DirIterator.
func (e *shallowEntries) Err() error {
	if e.deep != nil {
		return e.deep
	}
	return e.DirIterator.Err()
}
