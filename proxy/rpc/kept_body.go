package rpc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// bodyMemory is how much of a request is kept in memory.
const bodyMemory = 1 << 20

// keptBody is the body of a request that can be read several times, once it was filled: from memory, or from a temporary file
// without a name. Before that it is the body itself.
type keptBody struct {
	from   io.ReadCloser
	filled io.ReadSeeker
	file   *os.File // nil if memory suffices
	err    error    // of the first fill
}

// fill reads all of the body, or goes back to its beginning.
func (b *keptBody) fill() error {
	if b.err != nil {
		return b.err
	}
	if b.filled != nil {
		_, err := b.filled.Seek(0, io.SeekStart)
		return err
	}
	b.err = b.read()
	return b.err
}

func (b *keptBody) read() error {
	var memory bytes.Buffer
	_, err := io.CopyN(&memory, b.from, bodyMemory)
	if errors.Is(err, io.EOF) {
		b.filled = bytes.NewReader(memory.Bytes())
		return nil
	}
	if err != nil {
		return err
	}
	if b.file, err = os.CreateTemp("", "underlay-request-"); err != nil {
		return fmt.Errorf("keep a request: %w", err)
	}
	if err := os.Remove(b.file.Name()); err != nil {
		return fmt.Errorf("keep a request: %w", err)
	}
	if _, err := io.Copy(b.file, io.MultiReader(&memory, b.from)); err != nil {
		return fmt.Errorf("keep a request: %w", err)
	}
	if _, err := b.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("keep a request: %w", err)
	}
	b.filled = b.file
	return nil
}

// Read implements io.Reader.
func (b *keptBody) Read(p []byte) (int, error) {
	if b.filled != nil {
		return b.filled.Read(p)
	}
	return b.from.Read(p)
}

// Close implements io.Closer. It does nothing: kubo closes what it has read, and may have to read it again.
func (b *keptBody) Close() error { return nil }

// free gives the file back.
func (b *keptBody) free() {
	if b.file != nil {
		_ = b.file.Close() // it has no name any more
	}
}
