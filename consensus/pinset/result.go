package pinset

import (
	"encoding/binary"
	"fmt"

	"github.com/ipfs-cluster/ipfs-cluster/state"
)

// The results of an entry's operations travel and are kept in packed form:
// uvarint count, then for each operation that failed: uvarint position, code.
// Almost all succeed, so this is a few bytes for any number of operations.
const (
	resultOK         = 0
	resultNotFound   = 1
	resultConflict   = 2
	resultNotApplied = 3
	resultOverPins   = 4
	resultOverBytes  = 5
)

func resultError(code byte) error {
	switch code {
	case resultNotFound:
		return state.ErrNotFound
	case resultConflict:
		return ErrConflict
	case resultNotApplied:
		return ErrNotApplied
	case resultOverPins:
		return ErrOverPins
	case resultOverBytes:
		return ErrOverBytes
	default:
		return nil
	}
}

func packResults(codes []byte) []byte {
	b := binary.AppendUvarint(nil, uint64(len(codes)))
	for i, code := range codes {
		if code != resultOK {
			b = append(binary.AppendUvarint(b, uint64(i)), code)
		}
	}
	return b
}

// UnpackResults returns one error, or nil, for each of the want operations of an
// entry, all calls counted through: state.ErrNotFound, ErrConflict, ErrNotApplied,
// ErrOverPins or ErrOverBytes. Its own error matches ErrCorrupt.
func UnpackResults(packed []byte, want int) ([]error, error) {
	r := reader{buf: packed}
	if n := r.uvarint(); r.err == nil && n != uint64(want) {
		r.fail("%d results for %d operations", n, want)
	}
	errs := make([]error, want)
	for len(r.buf) > 0 {
		i, code := r.uvarint(), r.take(1)
		if r.err != nil {
			break
		}
		if i >= uint64(want) || resultError(code[0]) == nil {
			r.fail("result %d of operation %d", code[0], i)
			break
		}
		errs[i] = resultError(code[0])
	}
	if r.err != nil {
		return nil, fmt.Errorf("decode results: %w", r.err)
	}
	return errs, nil
}
