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

	"github.com/underlay/underlay/internal/pinstatus"
	"github.com/underlay/underlay/internal/request"
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
		running.Go(func() { there.CloseWithError(tellSurvey(ctx, there, p.reconciler, s)) })
		return readAccount(here, func() error { return nil }, func() {
			here.Close() //nolint:errcheck // it never fails
			running.Wait()
		})
	}
	stream, err := p.host.NewStream(network.WithNoDial(ctx, "members stay connected"), id, surveyProtocol, surveyProtocol1)
	if err != nil {
		return nil, fmt.Errorf("ask for its status: %w", err)
	}
	release := context.AfterFunc(ctx, func() { _ = stream.Reset() })
	end := func() {
		release()
		_ = stream.Reset() // whether all was told or nobody wants to know
	}
	if err = stream.SetDeadline(time.Now().Add(surveyPatience)); err == nil {
		question := appendSurvey(nil, s)
		if stream.Protocol() == surveyProtocol {
			question = appendText(question, request.Pack(ctx))
		}
		_, err = stream.Write(question)
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

// answerSurvey tells another peer how this one stands with the pins.
func (p *Peer) answerSurvey(ctx context.Context, stream network.Stream) {
	var question reconcile.Survey
	var origin []byte
	in, err := bufio.NewReader(stream), stream.SetReadDeadline(time.Now().Add(surveyPatience))
	if err == nil {
		question, err = readSurvey(in)
	}
	if err == nil && stream.Protocol() == surveyProtocol {
		origin, err = readBytes(in, maxOrigin)
	}
	if err == nil {
		asked, span := request.Receive(ctx, string(origin), p.opts.Tracer, "survey")
		p.requests.DebugContext(asked, "asked how it stands with pins", "pins", len(question.Cids))
		err = tellSurvey(asked, stream, p.reconciler, question)
		span.Done(err)
	}
	if err != nil {
		_ = stream.Reset() // the other sees that it was cut off
		return
	}
	_ = stream.Close() // all was told
}

// tellSurvey writes the whole answer. The other end sets the pace; it ends the stream when it has no more use for it.
func tellSurvey(ctx context.Context, to io.Writer, r *reconcile.Reconciler, question reconcile.Survey) error {
	out := bufio.NewWriter(to)
	self, err := appendSelf(nil, r.Self())
	if err != nil {
		return err
	}
	if _, err := out.Write(self); err != nil {
		return err
	}
	var record []byte
	write := func(s surveyRecord) error {
		record = s.append(record[:0])
		_, err := out.Write(record)
		return err
	}
	err = r.Unsettled(ctx, question, func(info api.PinInfo, fetched pinstatus.Progress) error {
		return write(surveyRecord{surveyDiffers, info.Cid.KeyString(), info.PinInfoShort, fetched})
	}, func(c api.Cid) error {
		return errors.Join(write(surveyRecord{kind: surveyPassed, key: c.KeyString()}), out.Flush())
	})
	last := surveyRecord{kind: surveyEnd}
	if err != nil {
		last = surveyRecord{kind: surveyFailed, PinInfoShort: api.PinInfoShort{Error: err.Error()}}
	}
	return errors.Join(write(last), out.Flush())
}
