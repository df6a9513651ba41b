package blockfiles

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-log/v2"
)

// Keys of the index. The first byte tells the key space.
const (
	keyBlock   = 'b' // then the block's datastore key: an entry
	keySegment = 's' // then the segment's number, 4 bytes: how much of it is in use
)

// Entries begin with a byte that tells the two kinds apart.
const (
	entryContent = 0 // then the content
	entryPlace   = 1 // then segment (4 bytes), offset (8), length (4), all big endian
)

var errCorrupt = errors.New("malformed entry in the index of blocks")

// place is where a large block is; its length is never 0.
type place struct {
	segment uint32
	offset  int64
	length  uint32
}

// entry is a small block's content or a large block's place.
type entry struct {
	content []byte
	at      place
}

func (e entry) size() int {
	if e.at.length > 0 {
		return int(e.at.length)
	}
	return len(e.content)
}

func blockKey(key datastore.Key) []byte { return append([]byte{keyBlock}, key.String()...) }

func segmentKey(number uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{keySegment}, number)
}

func encodePlace(p place) []byte {
	raw := binary.BigEndian.AppendUint32([]byte{entryPlace}, p.segment)
	raw = binary.BigEndian.AppendUint64(raw, uint64(p.offset))
	return binary.BigEndian.AppendUint32(raw, p.length)
}

func decodeEntry(raw []byte) (entry, error) {
	switch {
	case len(raw) > 0 && raw[0] == entryContent:
		return entry{content: raw[1:]}, nil
	case len(raw) == 17 && raw[0] == entryPlace:
		p := place{
			segment: binary.BigEndian.Uint32(raw[1:]), offset: int64(binary.BigEndian.Uint64(raw[5:])),
			length: binary.BigEndian.Uint32(raw[13:]),
		}
		if p.length > 0 {
			return entry{at: p}, nil
		}
	}
	return entry{}, errCorrupt
}

// openIndex opens the index. With filters, a look for a block that is not there reads no disk.
func openIndex(dir string) (*pebble.DB, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	options := &pebble.Options{
		FormatMajorVersion: pebble.FormatTableFormatV6, MemTableSize: 8 << 20, CacheSize: 8 << 20,
		MemTableStopWritesThreshold: 4, Logger: log.Logger("blockfiles"),
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		// Content is often compressed already.
		options.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
	}
	return pebble.Open(dir, options)
}

// putSmall writes a small block, which is on the disk after the next commit.
func (s *Store) putSmall(key datastore.Key, value []byte) error {
	b := s.db.NewBatch()
	defer b.Close()
	if err := addSmall(b, key, value); err != nil {
		return err
	}
	if err := b.Commit(pebble.NoSync); err != nil {
		return fmt.Errorf("store block of %d bytes: %w", len(value), err)
	}
	return nil
}

// addSmall puts a small block into a batch, without a copy more than needed.
func addSmall(b *pebble.Batch, key datastore.Key, value []byte) error {
	name := key.String()
	op := b.SetDeferred(1+len(name), 1+len(value))
	op.Key[0] = keyBlock
	copy(op.Key[1:], name)
	op.Value[0] = entryContent
	copy(op.Value[1:], value)
	return op.Finish()
}

// remove deletes the block's entry, whose space is given back after the next commit.
func (s *Store) remove(ctx context.Context, key datastore.Key) error {
	if _, ok := s.commits.pending(key); ok { // a commit that runs could bring it into the index afterwards
		if err := s.sync(ctx); err != nil {
			return err
		}
	}
	var at place
	found, err := s.look(key, func(e entry) error { at = e.at; return nil })
	if !found || err != nil {
		return err
	}
	if err := s.forget(key, at); err != nil {
		return fmt.Errorf("remove block: %w", err)
	}
	s.commits.changed()
	if at.length > 0 && s.segments.free(at) {
		return s.sync(ctx)
	}
	return nil
}

// forget takes a block out of the index, and what it used of a file out of that file's account.
func (s *Store) forget(key datastore.Key, at place) error {
	b := s.db.NewBatch()
	defer b.Close()
	if err := b.Delete(blockKey(key), nil); err != nil {
		return err
	}
	if at.length > 0 {
		s.segments.accounting.Lock()
		defer s.segments.accounting.Unlock()
		if err := s.segments.dismiss(b, at); err != nil {
			return err
		}
	}
	return b.Commit(pebble.NoSync)
}
