package raftstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"
)

// framed puts a text where the content of a meta file stands, with a checksum that is right.
func framed(text []byte) []byte {
	b := append([]byte(metaMagic), metaVersion)
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// Any file is refused as corrupt or has a content that can be written and read again, also where its checksum is right.
func FuzzMeta(f *testing.F) {
	good, err := encodeMeta(metaContent{Stable: map[string][]byte{"CurrentTerm": {0, 0, 0, 0, 0, 0, 0, 9}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[metaHeader:bytes.IndexByte(good[metaHeader:], 0)])
	f.Add([]byte(`{"Log":{"NextSegmentID":2,"Segments":[{"ID":1,"BaseIndex":1,"CreateTime":"2026-01-02T03:04:05Z"}]},"Stable":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, file := range [][]byte{raw, framed(raw)} {
			c, err := decodeMeta(file)
			if err != nil {
				if !errors.Is(err, ErrCorrupt) {
					t.Errorf("got error %v, want ErrCorrupt", err)
				}
				continue
			}
			once, err := encodeMeta(c)
			if err != nil {
				t.Fatalf("what was read cannot be written: %v", err)
			}
			again, err := decodeMeta(once)
			if err != nil {
				t.Fatalf("what was written cannot be read: %v", err)
			}
			if twice, err := encodeMeta(again); err != nil || !bytes.Equal(once, twice) {
				t.Errorf("written as %q, then as %q, %v", once, twice, err)
			}
		}
	})
}
