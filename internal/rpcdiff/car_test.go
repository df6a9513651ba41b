package rpcdiff

import (
	"bytes"
	"encoding/binary"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// carOf is a CAR whose roots are raw blocks of the texts.
func carOf(texts ...string) string {
	var roots []cid.Cid
	for _, text := range texts {
		roots = append(roots, blockCID(text))
	}
	return writeCar(roots, texts...)
}

// partialCar names a root whose block is not in it.
func partialCar() string {
	return writeCar([]cid.Cid{blockCID("not in the archive")}, "in the archive")
}

func partialRoot() string { return blockCID("not in the archive").String() }

// writeCar puts a CAR of version 1 together by hand: a header in CBOR and blocks, each behind its length.
func writeCar(roots []cid.Cid, texts ...string) string {
	var out bytes.Buffer
	section := func(content []byte) {
		out.Write(binary.AppendUvarint(nil, uint64(len(content))))
		out.Write(content)
	}
	header := append([]byte("\xa2\x65roots"), 0x80+byte(len(roots)))
	for _, root := range roots {
		raw := root.Bytes()
		header = append(header, 0xd8, 0x2a, 0x58, byte(len(raw)+1), 0)
		header = append(header, raw...)
	}
	section(append(header, "\x67version\x01"...))
	for _, text := range texts {
		section(append(blockCID(text).Bytes(), text...))
	}
	return out.String()
}

func blockCID(text string) cid.Cid {
	hash, err := multihash.Sum([]byte(text), multihash.SHA2_256, -1)
	if err != nil {
		panic(err) // the hash is built in
	}
	return cid.NewCidV1(cid.Raw, hash)
}
