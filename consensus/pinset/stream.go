package pinset

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc64"
	"io"
)

// A snapshot is a stream of all keys and values of the state, in key order:
//
//	4 bytes "ULSS", version byte, applied index (8 bytes, big endian)
//	for each record: uvarint key length (not 0), key, uvarint value length, value
//	a zero byte, record count (8 bytes, big endian)
//	CRC-64 of everything before it (8 bytes, big endian)
const (
	streamMagic   = "ULSS"
	streamVersion = 1
	streamHeader  = len(streamMagic) + 1 + 8

	maxKeyLen   = 4096
	maxValueLen = MaxCallBytes + 64
)

func newChecksum() hash.Hash64 { return crc64.New(crc64.MakeTable(crc64.ECMA)) }

// streamWriter writes a snapshot. The first fault sticks.
type streamWriter struct {
	w     *bufio.Writer
	sum   hash.Hash64
	count uint64
	buf   []byte
}

func newStreamWriter(w io.Writer, applied uint64) (*streamWriter, error) {
	s := &streamWriter{w: bufio.NewWriterSize(w, 64<<10), sum: newChecksum()}
	head := append([]byte(streamMagic), streamVersion)
	return s, s.write(binary.BigEndian.AppendUint64(head, applied))
}

func (s *streamWriter) write(b []byte) error {
	s.sum.Write(b) // a hash never fails
	_, err := s.w.Write(b)
	return err
}

func (s *streamWriter) record(key, value []byte) error {
	s.count++
	s.buf = append(appendBytes(s.buf[:0], key), binary.AppendUvarint(nil, uint64(len(value)))...)
	if err := s.write(s.buf); err != nil {
		return err
	}
	return s.write(value)
}

// finish writes the end of the stream. It does not close the underlying writer.
func (s *streamWriter) finish() error {
	if err := s.write(binary.BigEndian.AppendUint64([]byte{0}, s.count)); err != nil {
		return err
	}
	if err := s.write(binary.BigEndian.AppendUint64(nil, s.sum.Sum64())); err != nil {
		return err
	}
	return s.w.Flush()
}

// streamReader reads a snapshot. What it yields can be trusted only after next
// has returned io.EOF: that is when the checksum has been verified.
type streamReader struct {
	applied uint64
	r       *bufio.Reader
	sum     hash.Hash64
	count   uint64
	key     []byte
	value   []byte
}

// newStreamReader reads the header. Errors about the content match ErrCorrupt.
func newStreamReader(r io.Reader) (*streamReader, error) {
	s := &streamReader{r: bufio.NewReaderSize(r, 64<<10), sum: newChecksum()}
	head, err := s.read(nil, uint64(streamHeader))
	if err != nil {
		return nil, fmt.Errorf("read snapshot header: %w", err)
	}
	if v := head[len(streamMagic)]; string(head[:len(streamMagic)]) != streamMagic || v != streamVersion {
		return nil, fmt.Errorf("read snapshot header: %w: %x", ErrCorrupt, head)
	}
	s.applied = binary.BigEndian.Uint64(head[len(streamMagic)+1:])
	return s, nil
}

// next returns a record, valid until the next call, or io.EOF at the verified
// end of the snapshot.
func (s *streamReader) next() (key, value []byte, err error) {
	n, err := s.uvarint()
	if err != nil {
		return nil, nil, err
	}
	if n == 0 {
		return nil, nil, s.finish()
	}
	if n > maxKeyLen {
		return nil, nil, fmt.Errorf("%w: key of %d bytes", ErrCorrupt, n)
	}
	if s.key, err = s.read(s.key[:0], n); err != nil {
		return nil, nil, err
	}
	if n, err = s.uvarint(); err != nil {
		return nil, nil, err
	}
	if n > maxValueLen {
		return nil, nil, fmt.Errorf("%w: value of %d bytes", ErrCorrupt, n)
	}
	if s.value, err = s.read(s.value[:0], n); err != nil {
		return nil, nil, err
	}
	s.count++
	return s.key, s.value, nil
}

// finish verifies the end. It returns io.EOF when all is well.
func (s *streamReader) finish() error {
	tail, err := s.read(nil, 8)
	if err != nil {
		return err
	}
	if n := binary.BigEndian.Uint64(tail); n != s.count {
		return fmt.Errorf("%w: %d records announced, %d read", ErrCorrupt, n, s.count)
	}
	want := s.sum.Sum64()
	if tail, err = s.read(nil, 8); err != nil {
		return err
	}
	if got := binary.BigEndian.Uint64(tail); got != want {
		return fmt.Errorf("%w: checksum %x, expected %x", ErrCorrupt, got, want)
	}
	switch _, err := s.r.ReadByte(); {
	case errors.Is(err, io.EOF):
		return io.EOF
	case err != nil:
		return err
	default:
		return fmt.Errorf("%w: bytes after the end", ErrCorrupt)
	}
}

// read appends the next n bytes to b. The memory grows with what really
// arrives, not with the length that was announced.
func (s *streamReader) read(b []byte, n uint64) ([]byte, error) {
	buf := bytes.NewBuffer(b)
	m, err := io.CopyN(buf, s.r, int64(n))
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: cut off after %d of %d bytes", ErrCorrupt, m, n)
	}
	if err != nil {
		return nil, err
	}
	s.sum.Write(buf.Bytes())
	return buf.Bytes(), nil
}

func (s *streamReader) uvarint() (uint64, error) {
	var b []byte
	for len(b) < binary.MaxVarintLen64 {
		c, err := s.r.ReadByte()
		if errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("%w: cut off", ErrCorrupt)
		}
		if err != nil {
			return 0, err
		}
		if b = append(b, c); c < 0x80 {
			break
		}
	}
	s.sum.Write(b)
	r := reader{buf: b}
	v := r.uvarint()
	return v, r.err
}
