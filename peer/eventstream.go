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

	"github.com/underlay/underlay/peer/reconcile"
)

// changesProtocol is a stream of a peer's status changes, a JSON object a line, for one that has sent an empty line.
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
	if _, err := stream.Write([]byte("\n")); err != nil {
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
func tellChanges(ctx context.Context, stream network.Stream, r *reconcile.Reconciler) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stream.Reset() //nolint:errcheck // it is given up
	running.Go(func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, stream) // the first line, and then the end
	})
	// Whatever ends it has ended the stream, too: there is nobody to tell.
	_ = r.Follow(ctx, func(c reconcile.Change) error {
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
