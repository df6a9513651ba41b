// Package backup is the file format of a saved cluster state: one JSON object a line.
//
// The first line says what the file is, then come the values that the peers share, such as keys and settings, then the pins
// as the REST API shows them, and the last line holds the number of both and a checksum of everything before it, so that a
// file that is cut off or damaged is recognised. Values are in the order of their keys, pins in that of their CIDs' bytes.
// What is secret among the values is sealed: a file without the cluster's secret reveals nothing of it. What
// `ipfs-cluster-service state export` writes, pins without a first and last line and in any order, can be read too, and so
// can the first version of this format, which had no values.
package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// version of the format that Write produces; Read understands those before it, too.
const version = 2

// maxLine bounds the bytes of one line: no pin is that long.
const maxLine = 1 << 20

var (
	// ErrDamaged reports a file that is cut off, was changed, or is no backup at all.
	ErrDamaged = errors.New("the backup is damaged or incomplete")
	// ErrVersion reports a file of a newer format.
	ErrVersion = errors.New("the backup was made by a newer version of this program")
)

// header is the first line.
type header struct {
	Version int       `json:"underlay_backup"`
	Taken   time.Time `json:"taken"`
	Seal    []byte    `json:"seal,omitempty"`
}

// Value is what the peers share under a key.
type Value struct {
	Key  string `json:"value"`
	Data []byte `json:"data"`
}

// footer is the last line.
type footer struct {
	Pins   *int   `json:"pins"`
	Values int    `json:"values"`
	SHA256 string `json:"sha256"`
}

// Summary says what a file holds.
type Summary struct {
	Values int
	Seal   []byte // by which a cluster knows whether it can open the values
	Pins   int
	Stock  bool      // written by stock IPFS Cluster: nothing proves that it is complete
	Sorted bool      // by the bytes of the CIDs
	Taken  time.Time // zero for a stock export
}

// Source is what to write. Values and Pins call their argument for each, in order.
type Source struct {
	Taken  time.Time
	Seal   []byte
	Values func(func(Value) error) error
	Pins   func(func(api.Pin) error) error
}

// Write writes a backup.
func Write(w io.Writer, s Source) error {
	out := &summer{w: bufio.NewWriterSize(w, 64<<10), sum: sha256.New()}
	if err := out.line(header{Version: version, Taken: s.Taken.UTC(), Seal: s.Seal}); err != nil {
		return err
	}
	values, pins := 0, 0
	err := s.Values(func(v Value) error {
		values++
		return out.line(v)
	})
	if err == nil {
		err = s.Pins(func(p api.Pin) error {
			pins++
			return out.line(p)
		})
	}
	if err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	if err := out.line(footer{Pins: &pins, Values: values, SHA256: hex.EncodeToString(out.sum.Sum(nil))}); err != nil {
		return err
	}
	if err := out.w.Flush(); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	return nil
}

// summer writes lines and keeps their checksum.
type summer struct {
	w   *bufio.Writer
	sum hash.Hash
}

func (s *summer) line(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode line of backup: %w", err)
	}
	raw = append(raw, '\n')
	s.sum.Write(raw) // a hash never fails
	if _, err := s.w.Write(raw); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	return nil
}

// Visitor is given what a file holds, in its order. What is nil is read over.
type Visitor struct {
	Value func(Value) error
	Pin   func(api.Pin) error
}

// Read gives everything in a backup or a stock export to v. Only when it returns without error was the whole file sound:
// what v was given before may be part of a damaged one.
func Read(r io.Reader, v Visitor) (Summary, error) {
	in := reader{lines: bufio.NewReaderSize(r, 64<<10), sum: sha256.New(), visitor: v, summary: Summary{Sorted: true}}
	for {
		line, err := in.next()
		if errors.Is(err, io.EOF) {
			return in.end()
		}
		if err == nil {
			err = in.take(line)
		}
		if err != nil {
			return in.summary, fmt.Errorf("line %d: %w", in.number, err)
		}
	}
}

// reader is one Read under way.
type reader struct {
	lines   *bufio.Reader
	number  int // of the line at hand, from 1
	sum     hash.Hash
	visitor Visitor
	last    string // bytes of the last pin's CID
	ended   bool   // the footer has been read
	summary Summary
}

func (r *reader) next() ([]byte, error) {
	var line []byte
	for {
		part, err := r.lines.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return nil, fmt.Errorf("%w: longer than %d bytes", ErrDamaged, maxLine)
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) > 0:
			err = nil // the last line of a stock export may lack its end
		}
		r.number++
		return line, err
	}
}

func (r *reader) take(line []byte) error {
	switch {
	case r.ended:
		return fmt.Errorf("%w: lines after the end", ErrDamaged)
	case r.number == 1 && r.isHeader(line):
		return r.header(line)
	case r.number == 1:
		r.summary.Stock = true
	}
	if end, ok := r.footer(line); ok {
		return r.finish(end)
	}
	if len(bytes.TrimSpace(line)) == 0 && r.summary.Stock {
		return nil
	}
	r.sum.Write(line)
	if !r.summary.Stock && bytes.HasPrefix(line, []byte(`{"value":`)) {
		return r.value(line)
	}
	return r.pin(line)
}

func (r *reader) isHeader(line []byte) bool {
	return bytes.HasPrefix(line, []byte(`{"underlay_backup":`))
}

func (r *reader) header(line []byte) error {
	var h header
	if err := json.Unmarshal(line, &h); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if h.Version < 1 || h.Version > version {
		return fmt.Errorf("%w: format %d", ErrVersion, h.Version)
	}
	r.summary.Taken, r.summary.Seal = h.Taken, h.Seal
	r.sum.Write(line)
	return nil
}

func (r *reader) footer(line []byte) (footer, bool) {
	var end footer
	if r.summary.Stock || !bytes.HasPrefix(line, []byte(`{"pins":`)) {
		return end, false
	}
	err := json.Unmarshal(line, &end)
	return end, err == nil && end.Pins != nil
}

func (r *reader) finish(end footer) error {
	r.ended = true
	if *end.Pins != r.summary.Pins {
		return fmt.Errorf("%w: %d pins announced, %d read", ErrDamaged, *end.Pins, r.summary.Pins)
	}
	if end.Values != r.summary.Values {
		return fmt.Errorf("%w: %d values announced, %d read", ErrDamaged, end.Values, r.summary.Values)
	}
	if end.SHA256 != hex.EncodeToString(r.sum.Sum(nil)) {
		return fmt.Errorf("%w: the checksum does not match", ErrDamaged)
	}
	return nil
}

func (r *reader) value(line []byte) error {
	var v Value
	if err := json.Unmarshal(line, &v); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	r.summary.Values++
	if r.visitor.Value == nil {
		return nil
	}
	return r.visitor.Value(v)
}

func (r *reader) pin(line []byte) error {
	var p api.Pin
	if err := json.Unmarshal(line, &p); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if !p.Defined() {
		return fmt.Errorf("%w: not a pin", ErrDamaged)
	}
	key := p.Cid.KeyString()
	r.summary.Sorted = r.summary.Sorted && key > r.last
	r.last = key
	r.summary.Pins++
	if r.visitor.Pin == nil {
		return nil
	}
	return r.visitor.Pin(p)
}

func (r *reader) end() (Summary, error) {
	if !r.summary.Stock && !r.ended {
		return r.summary, fmt.Errorf("%w: it ends after line %d", ErrDamaged, r.number-1)
	}
	return r.summary, nil
}
