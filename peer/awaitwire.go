package peer

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/underlay/underlay/peer/reconcile"
)

// awaitProtocol is a stream of questions whether the other holds a pin, and of answers in the order in which they are
// known: so a wait costs two short messages, many of which share one write.
//
//	question: number, log index, time-out in milliseconds (each an uvarint), CID, origin, each with its length before it
//	answer:   number, flags, blocks, length of the error (each an uvarint), error
//
// Earlier builds know no origin.
const (
	awaitProtocol  protocol.ID = "/underlay/await/2"
	awaitProtocol1 protocol.ID = "/underlay/await/1"
)

const (
	awaitHeld = 1 << iota // flags of an answer
	awaitGone
)

const (
	maxAwaitCID   = 1 << 17 // a CID may contain its content
	maxAwaitError = 1 << 12
	maxOrigin     = 1 << 10
)

type awaitQuestion struct {
	number uint64
	reconcile.AwaitRequest
}

type awaitAnswer struct {
	number uint64
	reconcile.AwaitReply
}

func (q awaitQuestion) append(to []byte) []byte {
	return appendText(q.append1(to), q.Origin)
}

// append1 leaves the origin out.
func (q awaitQuestion) append1(to []byte) []byte {
	to = binary.AppendUvarint(to, q.number)
	to = binary.AppendUvarint(to, q.Index)
	to = binary.AppendUvarint(to, uint64(q.Timeout.Milliseconds()))
	to = binary.AppendUvarint(to, uint64(q.Cid.ByteLen()))
	return append(to, q.Cid.KeyString()...)
}

func readQuestion(r *bufio.Reader) (awaitQuestion, error) {
	q, err := readQuestion1(r)
	if err != nil {
		return q, err
	}
	origin, err := readBytes(r, maxOrigin)
	q.Origin = string(origin)
	return q, err
}

func readQuestion1(r *bufio.Reader) (q awaitQuestion, err error) {
	var timeout uint64
	for _, to := range []*uint64{&q.number, &q.Index, &timeout} {
		if *to, err = binary.ReadUvarint(r); err != nil {
			return q, err
		}
	}
	raw, err := readBytes(r, maxAwaitCID)
	if err != nil {
		return q, fmt.Errorf("read CID: %w", err)
	}
	c, err := cid.Cast(raw)
	if err != nil {
		return q, fmt.Errorf("read CID: %w", err)
	}
	q.Cid = api.NewCid(c)
	q.Timeout = min(time.Duration(min(timeout, 1<<31))*time.Millisecond, maxAwait)
	return q, nil
}

func (a awaitAnswer) append(to []byte) []byte {
	var flags uint64
	if a.Held {
		flags |= awaitHeld
	}
	if a.Gone {
		flags |= awaitGone
	}
	text := a.Error[:min(len(a.Error), maxAwaitError)]
	to = binary.AppendUvarint(to, a.number)
	to = binary.AppendUvarint(to, flags)
	to = binary.AppendUvarint(to, uint64(a.Blocks))
	to = binary.AppendUvarint(to, uint64(len(text)))
	return append(to, text...)
}

func readAnswer(r *bufio.Reader) (a awaitAnswer, err error) {
	var flags, blocks uint64
	for _, to := range []*uint64{&a.number, &flags, &blocks} {
		if *to, err = binary.ReadUvarint(r); err != nil {
			return a, err
		}
	}
	text, err := readBytes(r, maxAwaitError)
	if err != nil {
		return a, fmt.Errorf("read error text: %w", err)
	}
	a.AwaitReply = reconcile.AwaitReply{
		Held: flags&awaitHeld != 0, Gone: flags&awaitGone != 0, Blocks: int(blocks & (1<<31 - 1)), Error: string(text),
	}
	return a, nil
}

// appendText appends a length and so many bytes.
func appendText(to []byte, text string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(text))), text...)
}

// readBytes reads a length and so many bytes.
func readBytes(r *bufio.Reader, most uint64) ([]byte, error) {
	length, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	if length > most {
		return nil, fmt.Errorf("%d bytes, where %d are the most", length, most)
	}
	raw := make([]byte, length)
	_, err = io.ReadFull(r, raw)
	return raw, err
}
