package peer

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/underlay/underlay/internal/request"
	"github.com/underlay/underlay/peer/reconcile"
)

// changesProtocol is a stream of a peer's status changes, a JSON object a line, for one that has sent a line: for which request,
// which earlier builds leave empty, and do not read.
const changesProtocol protocol.ID = "/underlay/changes/1"

// maxChange bounds the bytes of one change.
const maxChange = 1 << 16

// changesOf calls f with the status changes of a member, which may be this peer, from now on.
func (p *Peer) changesOf(ctx context.Context, id peer.ID, f func(reconcile.Change) error) error {
	if id == p.ID() {
		return p.reconciler.Follow(ctx, f)
	}
	stream, err := p.host.NewStream(network.WithNoDial(ctx, "members stay connected"), id, changesProtocol)
	if err != nil {
		return fmt.Errorf("follow peer %s: %w", id, err)
	}
	end := func() { _ = stream.Reset() } // nobody wants more of it
	defer end()
	defer context.AfterFunc(ctx, end)()
	if _, err := stream.Write([]byte(request.Pack(ctx) + "\n")); err != nil {
		return fmt.Errorf("follow peer %s: %w", id, err)
	}
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, maxChange)
	for lines.Scan() {
		var change reconcile.Change
		if err := json.Unmarshal(lines.Bytes(), &change); err != nil {
			return fmt.Errorf("follow peer %s: %w", id, err)
		}
		if err := f(change); err != nil {
			return err
		}
	}
	return fmt.Errorf("follow peer %s: %w", id, cmp.Or(lines.Err(), errStreamEnded))
}

// tellChanges tells another peer the status changes of this one, until it ends the stream.
func (p *Peer) tellChanges(ctx context.Context, stream network.Stream) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stream.Reset() //nolint:errcheck // it is given up
	running.Go(func() {
		defer cancel()
		in := bufio.NewReaderSize(stream, maxOrigin)
		origin, _, _ := in.ReadLine() // what fails here fails below
		asked, span := request.Receive(ctx, string(origin), p.opts.Tracer, "tell changes")
		p.requests.DebugContext(asked, "asked for changes of the pins' status")
		_, err := io.Copy(io.Discard, in) // until the end
		span.Done(err)
	})
	// Whatever ends it has ended the stream, too: there is nobody to tell.
	_ = p.reconciler.Follow(ctx, func(c reconcile.Change) error {
		line, err := json.Marshal(c)
		if err == nil {
			err = stream.SetWriteDeadline(time.Now().Add(sendLimit))
		}
		if err == nil {
			_, err = stream.Write(append(line, '\n'))
		}
		return err
	})
}
