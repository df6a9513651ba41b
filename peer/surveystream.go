package peer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/peer/reconcile"
)

// surveyPatience is how long a survey waits for one member's next word: it looks at a thousand pins in some milliseconds.
const surveyPatience = 10 * time.Second

// surveyStream is one member's answer to a survey.
type surveyStream struct {
	self  api.PinInfoShort
	next  func() (surveyRecord, error)
	close func()
}

// askSurvey asks a member, which may be this peer, until ctx ends or close is called.
func (p *Peer) askSurvey(ctx context.Context, id peer.ID, s reconcile.Survey) (*surveyStream, error) {
	if id == p.ID() {
		here, there := io.Pipe()
		var running sync.WaitGroup
		running.Go(func() { there.CloseWithError(p.surveys.tell(ctx, there, s)) })
		return readAccount(here, func() error { return nil }, func() {
			here.Close() //nolint:errcheck // it never fails
			running.Wait()
		})
	}
	stream, err := p.host.NewStream(network.WithNoDial(ctx, "members stay connected"), id, surveyProtocol)
	if err != nil {
		return nil, fmt.Errorf("ask for its status: %w", err)
	}
	release := context.AfterFunc(ctx, func() { _ = stream.Reset() })
	end := func() {
		release()
		_ = stream.Reset() // whether all was told or nobody wants to know
	}
	if err := stream.SetDeadline(time.Now().Add(surveyPatience)); err == nil {
		_, err = stream.Write(appendSurvey(nil, s))
	}
	if err != nil {
		end()
		return nil, fmt.Errorf("ask for its status: %w", err)
	}
	return readAccount(stream, func() error { return stream.SetReadDeadline(time.Now().Add(surveyPatience)) }, end)
}

// readAccount reads an answer; extend allows for more time before each read.
func readAccount(from io.Reader, extend func() error, end func()) (*surveyStream, error) {
	in := bufio.NewReader(from)
	self, err := readSelf(in)
	if err != nil {
		end()
		return nil, err
	}
	next := func() (surveyRecord, error) {
		if in.Buffered() == 0 {
			if err := extend(); err != nil {
				return surveyRecord{}, err
			}
		}
		record, err := readSurveyRecord(in)
		switch {
		case err != nil:
			return record, fmt.Errorf("read its status: %w", err)
		case record.kind == surveyFailed:
			return record, errors.New(record.Error)
		default:
			return record, nil
		}
	}
	return &surveyStream{self, next, end}, nil
}

// surveyServer tells other peers how this one stands with the pins.
type surveyServer struct {
	reconciler *reconcile.Reconciler
	ending     context.Context // ends all answers
	end        context.CancelFunc
	mu         sync.Mutex
	closed     bool
	running    sync.WaitGroup
}

// newSurveyServer makes a server whose close must be called.
func newSurveyServer(r *reconcile.Reconciler) *surveyServer {
	s := &surveyServer{reconciler: r}
	s.ending, s.end = context.WithCancel(context.Background())
	return s
}

// handle answers the question on one stream. Only peers that hold the secret reach it.
func (s *surveyServer) handle(stream network.Stream) {
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.running.Add(1)
	}
	s.mu.Unlock()
	if closed {
		_ = stream.Reset() // nobody answers
		return
	}
	defer s.running.Done()
	defer context.AfterFunc(s.ending, func() { _ = stream.Reset() })()
	if err := s.answer(stream); err != nil {
		_ = stream.Reset() // the other sees that it was cut off
		return
	}
	_ = stream.Close() // all was told
}

func (s *surveyServer) answer(stream network.Stream) error {
	if err := stream.SetReadDeadline(time.Now().Add(surveyPatience)); err != nil {
		return err
	}
	question, err := readSurvey(bufio.NewReader(stream))
	if err != nil {
		return err
	}
	return s.tell(s.ending, stream, question)
}

// tell writes the whole answer. The other end sets the pace; it ends the stream when it has no more use for it.
func (s *surveyServer) tell(ctx context.Context, to io.Writer, question reconcile.Survey) error {
	out := bufio.NewWriter(to)
	self, err := appendSelf(nil, s.reconciler.Self())
	if err != nil {
		return err
	}
	if _, err := out.Write(self); err != nil {
		return err
	}
	var record []byte
	write := func(r surveyRecord) error {
		record = r.append(record[:0])
		_, err := out.Write(record)
		return err
	}
	err = s.reconciler.Unsettled(ctx, question, func(info api.PinInfo) error {
		return write(surveyRecord{surveyDiffers, info.Cid.KeyString(), info.PinInfoShort})
	}, func(c api.Cid) error {
		return errors.Join(write(surveyRecord{kind: surveyPassed, key: c.KeyString()}), out.Flush())
	})
	last := surveyRecord{kind: surveyEnd}
	if err != nil {
		last = surveyRecord{kind: surveyFailed, PinInfoShort: api.PinInfoShort{Error: err.Error()}}
	}
	return errors.Join(write(last), out.Flush())
}

// close ends all answers and waits for those who give them.
func (s *surveyServer) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.running.Wait()
}
