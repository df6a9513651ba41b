package files

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ipfs/go-cid"

	"github.com/underlay/underlay/peer/ipfs/swap"
)

// HoldPath is where a peer is told which blocks to hold. The body is a list of items:
//
//	uvarint length of the CID, CID, uvarint 0; or, with the content: uvarint length+1, content
const HoldPath = "/files/hold"

// maxCIDBytes bounds a CID. It may hold the content of a small block.
const maxCIDBytes = 1 << 10

var errMalformed = errors.New("malformed list of blocks")

// holdItem is a block to hold.
type holdItem struct {
	cid    cid.Cid
	inline bool // the content comes along
	data   []byte
}

func (i holdItem) appendTo(out *bytes.Buffer) {
	out.Write(binary.AppendUvarint(nil, uint64(i.cid.ByteLen())))
	out.WriteString(i.cid.KeyString())
	if !i.inline {
		out.WriteByte(0)
		return
	}
	out.Write(binary.AppendUvarint(nil, uint64(len(i.data))+1))
	out.Write(i.data)
}

// readHoldItem returns io.EOF at the end of the list.
func readHoldItem(r *bufio.Reader) (holdItem, error) {
	length, err := binary.ReadUvarint(r)
	if errors.Is(err, io.EOF) {
		return holdItem{}, io.EOF
	}
	raw, err := readPart(r, length, err, maxCIDBytes)
	if err != nil {
		return holdItem{}, err
	}
	c, err := cid.Cast(raw)
	if err != nil {
		return holdItem{}, fmt.Errorf("%w: %w", errMalformed, err)
	}
	length, err = binary.ReadUvarint(r)
	if err == nil && length == 0 {
		return holdItem{cid: c}, nil
	}
	data, err := readPart(r, length-1, err, swap.MaxBlock)
	return holdItem{c, true, data}, err
}

func readPart(r *bufio.Reader, length uint64, err error, limit uint64) ([]byte, error) {
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if length > limit {
		return nil, fmt.Errorf("%w: a part of %d bytes", errMalformed, length)
	}
	part := make([]byte, length)
	if _, err := io.ReadFull(r, part); err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return part, nil
}
