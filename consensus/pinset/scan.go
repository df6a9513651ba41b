package pinset

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// Query selects pins. The zero value selects all, in the order of their CID
// bytes; with NamePrefix the order is by name, with MetaKey by metadata value.
// Conditions that are set must all hold.
type Query struct {
	// NamePrefix is what the name begins with.
	NamePrefix string
	// MetaKey is a key that the metadata must have, with MetaValue as its value
	// unless that is empty.
	MetaKey, MetaValue string
	// Backward turns the order round.
	Backward bool
	// After continues a scan of the same query, in either direction: what it
	// returned as next.
	After string
	// Limit is how many pins to yield at most; 0 or less: no limit.
	Limit int
}

// lower returns the first bytes of all keys that the query reads.
func (q Query) lower() []byte {
	switch {
	case q.MetaKey != "":
		b := appendTerm([]byte{keyMetadata}, q.MetaKey)
		if q.MetaValue != "" {
			b = appendTerm(b, q.MetaValue)
		}
		return b
	case q.NamePrefix != "":
		return appendText([]byte{keyName}, q.NamePrefix)
	default:
		return []byte{keyPin}
	}
}

// selects compares what the index cannot.
func (q Query) selects(p api.Pin) bool {
	if !strings.HasPrefix(p.Name, q.NamePrefix) {
		return false
	}
	if q.MetaKey == "" {
		return true
	}
	v, ok := p.Metadata[q.MetaKey]
	return ok && (q.MetaValue == "" || v == q.MetaValue)
}

// Behind returns the cursor that continues a scan of q behind p, one of the pins that it yields.
func (q Query) Behind(p api.Pin) string {
	key := []byte{keyPin}
	switch {
	case q.MetaKey != "":
		key = appendTerm(appendTerm([]byte{keyMetadata}, q.MetaKey), p.Metadata[q.MetaKey])
	case q.NamePrefix != "":
		key = appendTerm([]byte{keyName}, p.Name)
	}
	return base64.RawURLEncoding.EncodeToString(append(key, p.Cid.KeyString()...))
}

// bounds returns the range of keys to read.
func (q Query) bounds() (*pebble.IterOptions, error) {
	lower := q.lower()
	upper := bytes.Clone(lower)
	for upper[len(upper)-1] == 0xff {
		upper = upper[:len(upper)-1] // never empty: it begins with a letter
	}
	upper[len(upper)-1]++
	if q.After != "" {
		after, err := base64.RawURLEncoding.DecodeString(q.After)
		if err != nil || !bytes.HasPrefix(after, lower) {
			return nil, fmt.Errorf("%w: cursor %q does not belong to this query", ErrInvalid, q.After)
		}
		if q.Backward {
			upper = after
		} else {
			lower = append(after, 0) // the next key that is possible
		}
	}
	return &pebble.IterOptions{LowerBound: lower, UpperBound: upper}, nil
}

// Scan calls f with each pin that q selects, as they were at one moment, without
// holding more than one in memory. It stops when f fails, with f's error. next
// continues the scan after the last pin that f took, and stays valid whatever
// happens to the pinset: pins that stay are yielded once. It is empty at the
// end. f must not close the state. Other errors match ErrInvalid, ErrClosed,
// ErrCorrupt or are those of ctx and of the disk.
func (s *Store) Scan(ctx context.Context, q Query, f func(api.Pin) error) (next string, err error) {
	bounds, err := q.bounds()
	if err != nil {
		return "", fmt.Errorf("scan pins: %w", err)
	}
	if err := s.enter(); err != nil {
		return "", err
	}
	defer s.mu.RUnlock()
	it, err := s.db.NewIter(bounds)
	if err != nil {
		return "", fmt.Errorf("scan pins: %w", err)
	}
	c := cursor{Store: s, keys: it}
	if q.lower()[0] != keyPin {
		// A clone sees the same moment.
		c.pins, err = it.Clone(pebble.CloneOptions{IterOptions: &pebble.IterOptions{
			LowerBound: []byte{keyPin}, UpperBound: []byte{keyPin + 1},
		}})
	}
	if err == nil {
		next, err = c.run(ctx, q, f)
	}
	if err = errors.Join(err, c.close()); err != nil {
		return next, fmt.Errorf("scan pins: %w", err)
	}
	return next, nil
}

// cursor is one scan under way.
type cursor struct {
	*Store
	keys *pebble.Iterator
	pins *pebble.Iterator // nil if keys are those of pins
}

func (c *cursor) close() error {
	err := c.keys.Close()
	if c.pins != nil {
		err = errors.Join(err, c.pins.Close())
	}
	return err
}

func (c *cursor) run(ctx context.Context, q Query, f func(api.Pin) error) (next string, err error) {
	var last []byte // the key of the last pin taken
	here := func(err error) (string, error) {
		if last == nil {
			return q.After, err
		}
		return base64.RawURLEncoding.EncodeToString(last), err
	}
	taken := 0
	first, following := c.keys.First, c.keys.Next
	if q.Backward {
		first, following = c.keys.Last, c.keys.Prev
	}
	for first(); c.keys.Valid(); following() {
		if err := c.interrupted(ctx); err != nil {
			return here(err)
		}
		if q.Limit > 0 && taken == q.Limit {
			return here(nil)
		}
		p, err := c.pin()
		if err != nil {
			return here(err)
		}
		if !q.selects(p) {
			continue
		}
		if err := f(p); err != nil {
			return here(err)
		}
		taken++
		last = append(last[:0], c.keys.Key()...)
	}
	if err := c.keys.Error(); err != nil {
		return here(err)
	}
	return "", nil
}

func (s *Store) interrupted(ctx context.Context) error {
	select {
	case <-s.closing:
		return ErrClosed
	default:
		return ctx.Err()
	}
}

// pin reads the pin that the current key stands for.
func (c *cursor) pin() (api.Pin, error) {
	if c.pins == nil {
		p, _, err := decodeStored(c.keys.Value())
		return p, err
	}
	raw, err := indexedCid(c.keys.Key())
	if err != nil {
		return api.Pin{}, err
	}
	key := append([]byte{keyPin}, raw...)
	if !c.pins.SeekGE(key) || !bytes.Equal(c.pins.Key(), key) {
		if err := c.pins.Error(); err != nil {
			return api.Pin{}, err
		}
		return api.Pin{}, fmt.Errorf("%w: the index names a pin that is absent, %x", ErrCorrupt, raw)
	}
	p, _, err := decodeStored(c.pins.Value())
	return p, err
}
