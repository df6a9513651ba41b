package peer

import (
	"bufio"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// sendLimit is how long the other may take nothing before a stream is given up.
const sendLimit = 10 * time.Second

// outbox sends messages on a stream, all that have come together in one write.
type outbox struct {
	stream network.Stream
	wake   chan struct{} // has a token when there is something to send
	ended  chan struct{}
	once   sync.Once

	mu    sync.Mutex
	bytes []byte
}

func newOutbox(s network.Stream) *outbox {
	return &outbox{stream: s, wake: make(chan struct{}, 1), ended: make(chan struct{})}
}

// post hands a message over: add appends it.
func (o *outbox) post(add func([]byte) []byte) {
	o.mu.Lock()
	o.bytes = add(o.bytes)
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// run sends until end is called or sending fails, which gives the stream up.
func (o *outbox) run() {
	defer o.end()
	var spare []byte
	for {
		select {
		case <-o.wake:
		case <-o.ended:
			return
		}
		o.mu.Lock()
		batch := o.bytes
		o.bytes = spare[:0]
		o.mu.Unlock()
		if err := o.stream.SetWriteDeadline(time.Now().Add(sendLimit)); err != nil {
			return
		}
		if _, err := o.stream.Write(batch); err != nil {
			return
		}
		spare = batch
	}
}

// end gives the stream up: whoever reads from it fails. It may be called more than once.
func (o *outbox) end() {
	o.once.Do(func() {
		close(o.ended)
		_ = o.stream.Reset() // it is given up
	})
}

// each calls f for every message that read finds on the stream, until that fails.
func each[T any](s io.Reader, read func(*bufio.Reader) (T, error), f func(T)) {
	in := bufio.NewReader(s)
	for {
		message, err := read(in)
		if err != nil {
			return // the other has ended the stream, or is not to be understood
		}
		f(message)
	}
}
