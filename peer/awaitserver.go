package peer

import (
	"bufio"
	"context"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/underlay/underlay/peer/reconcile"
)

const (
	// maxAwait bounds how long one question stays open.
	maxAwait = 10 * time.Second
	// maxAwaits bounds the questions of one stream that are open at a time; further ones are read when others are answered.
	maxAwaits = 4096
)

// await is how a peer answers a question.
type await func(context.Context, reconcile.AwaitRequest) (reconcile.AwaitReply, error)

// newAwaitServer makes the server that answers the questions of other peers, which read reads.
func newAwaitServer(answer await, read func(*bufio.Reader) (awaitQuestion, error)) *streamServer {
	return newStreamServer(func(ctx context.Context, stream network.Stream) { serveAwaits(ctx, stream, answer, read) })
}

func serveAwaits(ctx context.Context, stream network.Stream, answer await, read func(*bufio.Reader) (awaitQuestion, error)) {
	out := newOutbox(stream)
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, out.end)()
	work.Go(out.run)
	places := make(chan struct{}, maxAwaits)
	each(stream, read, func(q awaitQuestion) {
		places <- struct{}{}
		work.Go(func() {
			defer func() { <-places }()
			reply, err := answer(ctx, q.AwaitRequest)
			if err != nil {
				reply.Error = err.Error()
			}
			out.post(awaitAnswer{q.number, reply}.append)
		})
	})
	out.end()
}
