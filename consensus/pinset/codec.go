package pinset

import (
	"encoding/binary"
	"fmt"
)

// reader takes values off the front of buf. The first fault sticks in err and
// makes every later call return zero values, so callers check once.
type reader struct {
	buf []byte
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
	}
	r.buf = nil
}

// uvarint reads a number in its shortest form: one value, one encoding.
func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.buf)
	if n <= 0 || n > 1 && r.buf[n-1] == 0 {
		r.fail("bad number")
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

// take reads n bytes. The result aliases the buffer.
func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.buf)) {
		r.fail("%d bytes announced, %d left", n, len(r.buf))
		return nil
	}
	b := r.buf[:n:n]
	r.buf = r.buf[n:]
	return b
}

// bytes reads a length and that many bytes. The result aliases the buffer.
func (r *reader) bytes() []byte { return r.take(r.uvarint()) }

// count reads the number of items that follow, each at least size bytes long: a
// lying count cannot cause a large allocation.
func (r *reader) count(size int) int {
	n := r.uvarint()
	if n > uint64(len(r.buf)/size) {
		r.fail("%d items announced, %d bytes left", n, len(r.buf))
		return 0
	}
	return int(n)
}

// end reports the first fault, or bytes left over.
func (r *reader) end() error {
	if len(r.buf) > 0 {
		r.fail("%d bytes left over", len(r.buf))
	}
	return r.err
}

func appendBytes(b, v []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}
