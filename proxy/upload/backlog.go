package upload

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// backlogMemory is how much of an answer is kept in memory; the answer to an add of many files may be of any length.
const backlogMemory = 256 << 10

// Backlog keeps what is written to it until it is asked for it: in memory first, then in a temporary file without a name.
type Backlog struct {
	memory bytes.Buffer
	file   *os.File
	size   int64
}

// Write implements io.Writer.
func (s *Backlog) Write(p []byte) (int, error) {
	if s.file == nil && s.memory.Len()+len(p) > backlogMemory {
		file, err := os.CreateTemp("", "underlay-answer-")
		if err != nil {
			return 0, fmt.Errorf("keep back an answer: %w", err)
		}
		s.file = file
		if err := os.Remove(file.Name()); err != nil {
			return 0, fmt.Errorf("keep back an answer: %w", err)
		}
	}
	var n int
	var err error
	if s.file != nil {
		n, err = s.file.Write(p)
	} else {
		n, err = s.memory.Write(p)
	}
	s.size += int64(n)
	return n, err
}

// Size is how much is kept, in bytes.
func (s *Backlog) Size() int64 { return s.size }

// WriteTo implements io.WriterTo.
func (s *Backlog) WriteTo(w io.Writer) (int64, error) {
	n, err := s.memory.WriteTo(w)
	if err != nil || s.file == nil {
		return n, err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return n, err
	}
	m, err := io.Copy(w, s.file)
	return n + m, err
}

// Close gives the file back.
func (s *Backlog) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
