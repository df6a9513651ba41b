package pinset

import (
	"bytes"
	"fmt"
	"hash/crc64"
	"slices"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// The indexes have keys only:
//
//	'i', name, CID                  for pins with a name
//	'k', metadata key, value, CID   for each metadata item with a key
//
// Names, keys and values are cut after maxTermBytes (a scan compares the rest
// with the pin itself), a zero byte in them becomes 00 ff, and 00 00 ends them:
// so keys sort as the texts do.
const maxTermBytes = 512

// appendText appends a text without its end: what a longer text begins with.
func appendText(b []byte, s string) []byte {
	for _, c := range []byte(s[:min(len(s), maxTermBytes)]) {
		if b = append(b, c); c == 0 {
			b = append(b, 0xff)
		}
	}
	return b
}

func appendTerm(b []byte, s string) []byte { return append(appendText(b, s), 0, 0) }

// indexKeys returns the keys of a pin in the indexes, sorted. Each appears once.
func indexKeys(p api.Pin) [][]byte {
	if p.Name == "" && len(p.Metadata) == 0 {
		return nil
	}
	var keys [][]byte
	c := p.Cid.KeyString()
	if p.Name != "" {
		keys = append(keys, append(appendTerm([]byte{keyName}, p.Name), c...))
	}
	for k, v := range p.Metadata {
		if k != "" {
			keys = append(keys, append(appendTerm(appendTerm([]byte{keyMetadata}, k), v), c...))
		}
	}
	slices.SortFunc(keys, bytes.Compare)
	return slices.CompactFunc(keys, bytes.Equal)
}

// indexedCid returns the bytes of the CID in an index key.
func indexedCid(key []byte) ([]byte, error) {
	terms := 1
	if key[0] == keyMetadata {
		terms = 2
	}
	rest := key[1:]
	for range terms {
		for {
			i := bytes.IndexByte(rest, 0)
			if i < 0 || i+1 >= len(rest) {
				return nil, fmt.Errorf("%w: index key %x", ErrCorrupt, key)
			}
			end := rest[i+1] == 0
			rest = rest[i+2:]
			if end {
				break
			}
		}
	}
	return rest, nil
}

// indexSum is a fingerprint of a set of index keys that does not depend on their
// order, so that the indexes of a snapshot can be checked against its pins while
// both stream by.
type indexSum struct {
	count, sum uint64
	table      *crc64.Table
}

func newIndexSum() indexSum { return indexSum{table: crc64.MakeTable(crc64.ISO)} }

func (s *indexSum) add(key []byte) {
	s.count++
	s.sum += crc64.Checksum(key, s.table)
}
