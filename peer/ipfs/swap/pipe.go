package swap

import (
	"bufio"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// pipe is a stream with the questions that were asked on it.
type pipe struct {
	link   *link
	stream network.Stream
	wake   chan struct{} // has a token when there is something to write
	ended  chan struct{}

	mu    sync.Mutex
	fresh []question // not written yet
	sent  []question // not answered yet, oldest first
	err   error      // why the stream has ended
}

func (p *pipe) send(q question) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	p.fresh = append(p.fresh, q)
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return nil
}

// end closes the stream and answers all questions with the error. It may be called more than once.
func (p *pipe) end(err error) {
	p.mu.Lock()
	if p.err != nil {
		p.mu.Unlock()
		return
	}
	p.err = err
	open := append(p.sent, p.fresh...)
	p.sent, p.fresh = nil, nil
	p.mu.Unlock()
	close(p.ended)
	_ = p.stream.Reset() // it is given up
	for _, q := range open {
		p.link.settle(q, answer{}, err)
	}
}

// write sends questions, those that have come together in one go.
func (p *pipe) write() {
	out := bufio.NewWriterSize(p.stream, 4<<10)
	for {
		select {
		case <-p.wake:
		case <-p.ended:
			return
		}
		batch, err := p.take()
		for _, q := range batch {
			if err == nil {
				err = writeRequest(out, q.request)
			}
		}
		if err == nil {
			err = out.Flush()
		}
		if err != nil {
			p.link.fail(p, fmt.Errorf("send: %w", err))
			return
		}
	}
}

// take returns the questions to write, which count as sent from now on.
func (p *pipe) take() ([]question, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	batch := p.fresh
	p.fresh = nil
	idle := len(p.sent) == 0
	p.sent = append(p.sent, batch...)
	if err := p.stream.SetWriteDeadline(time.Now().Add(stallTimeout)); err != nil {
		return batch, err
	}
	if !idle || len(batch) == 0 {
		return batch, nil
	}
	return batch, p.stream.SetReadDeadline(time.Now().Add(stallTimeout))
}

// read hands out answers, each of which must come in time after the one before.
func (p *pipe) read() {
	in := bufio.NewReaderSize(p.stream, bufferSize)
	for {
		if err := p.readOne(in); err != nil {
			p.link.fail(p, fmt.Errorf("receive: %w", err))
			return
		}
	}
}

func (p *pipe) readOne(in *bufio.Reader) error {
	if _, err := in.Peek(1); err != nil {
		return err
	}
	p.mu.Lock()
	if len(p.sent) == 0 {
		p.mu.Unlock()
		return fmt.Errorf("%w: an answer to nothing", errMalformed)
	}
	q := p.sent[0]
	p.mu.Unlock()
	a, err := readAnswer(in, q.kind)
	if err != nil {
		return err
	}
	due := time.Time{}
	p.mu.Lock()
	if p.err != nil { // all questions were answered with it
		p.mu.Unlock()
		return p.err
	}
	if p.sent = p.sent[1:]; len(p.sent) > 0 {
		due = time.Now().Add(stallTimeout)
	}
	err = p.stream.SetReadDeadline(due)
	p.mu.Unlock()
	p.link.settle(q, a, nil)
	return err
}
