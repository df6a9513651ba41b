package swap

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// Protocol is a stream of requests one way and of answers, in the same order, the other way.
//
//	request: kind (1 byte), length of the CID (1 byte), CID
//	answer:  kind (1 byte); for a block its length (4 bytes, big endian) and its content
const Protocol protocol.ID = "/underlay/blocks/1"

// Kinds of requests.
const (
	kindGet = 1 // answered by answerAbsent or answerBlock
	kindHas = 2 // answered by answerAbsent or answerPresent
)

// Kinds of answers.
const (
	answerAbsent  = 0
	answerPresent = 1
	answerBlock   = 2
)

const (
	maxCID = 128
	// MaxBlock is the size of the largest block that is exchanged; bitswap sends none larger either.
	MaxBlock = 4 << 20
)

var errMalformed = errors.New("malformed message")

// request asks about one block.
type request struct {
	kind byte
	cid  cid.Cid
}

// fits tells whether a CID can be asked for. Those that contain their content may be longer, and never need to be.
func fits(c cid.Cid) bool { return c.Defined() && c.ByteLen() <= maxCID }

func writeRequest(w *bufio.Writer, r request) error {
	if _, err := w.Write([]byte{r.kind, byte(r.cid.ByteLen())}); err != nil {
		return err
	}
	_, err := w.WriteString(r.cid.KeyString())
	return err
}

// readRequest returns io.EOF when the stream ends between two requests.
func readRequest(r *bufio.Reader) (request, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return request{}, err
	}
	kind, length := head[0], int(head[1])
	if (kind != kindGet && kind != kindHas) || length == 0 || length > maxCID {
		return request{}, fmt.Errorf("%w: request of kind %d with a CID of %d bytes", errMalformed, kind, length)
	}
	raw := make([]byte, length)
	if _, err := io.ReadFull(r, raw); err != nil {
		return request{}, noEOF(err)
	}
	c, err := cid.Cast(raw)
	if err != nil {
		return request{}, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return request{kind, c}, nil
}

// answer is what a member says to a request.
type answer struct {
	kind byte
	data []byte // of answerBlock
}

func writeAnswer(w *bufio.Writer, a answer) error {
	if err := w.WriteByte(a.kind); err != nil || a.kind != answerBlock {
		return err
	}
	if _, err := w.Write(binary.BigEndian.AppendUint32(w.AvailableBuffer(), uint32(len(a.data)))); err != nil {
		return err
	}
	_, err := w.Write(a.data)
	return err
}

// readAnswer reads the answer to a request of the given kind.
func readAnswer(r *bufio.Reader, to byte) (answer, error) {
	kind, err := r.ReadByte()
	if err != nil {
		return answer{}, err
	}
	switch {
	case kind == answerAbsent, kind == answerPresent && to == kindHas:
		return answer{kind: kind}, nil
	case kind != answerBlock || to != kindGet:
		return answer{}, fmt.Errorf("%w: answer of kind %d to a request of kind %d", errMalformed, kind, to)
	}
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return answer{}, noEOF(err)
	}
	length := binary.BigEndian.Uint32(size[:])
	if length > MaxBlock {
		return answer{}, fmt.Errorf("%w: a block of %d bytes", errMalformed, length)
	}
	data := make([]byte, length)
	if _, err := io.ReadFull(r, data); err != nil {
		return answer{}, noEOF(err)
	}
	return answer{kind: answerBlock, data: data}, nil
}

// noEOF tells an end within a message from one between two.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
