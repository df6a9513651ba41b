package logging

import (
	"bytes"
	"sync"
)

// recent keeps the latest lines, in at most so many bytes. A line that is longer alone is not kept.
type recent struct {
	most int

	mu    sync.Mutex
	lines [][]byte // oldest first
	size  int
}

func newRecent(most int) *recent { return &recent{most: most} }

func (r *recent) add(line []byte) {
	if len(line) > r.most {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, bytes.Clone(line))
	r.size += len(line)
	drop := 0
	for ; r.size > r.most; drop++ {
		r.size -= len(r.lines[drop])
		r.lines[drop] = nil
	}
	r.lines = r.lines[drop:]
}

func (r *recent) bytes() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Join(r.lines, nil)
}
