package peer

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"

	"github.com/underlay/underlay/internal/testkit"
	"github.com/underlay/underlay/peer/reconcile"
)

// awaitPair connects a client with a server that answers as await does.
func awaitPair(t *testing.T, await func(context.Context, reconcile.AwaitRequest) (reconcile.AwaitReply, error)) (*awaitClient, *streamServer, peer.ID) {
	t.Helper()
	caller, called := connectedHosts(t)
	client, server := newAwaitClient(caller), newAwaitServer(await, readQuestion)
	called.SetStreamHandler(awaitProtocol, server.handle)
	t.Cleanup(client.close)
	t.Cleanup(server.close)
	return client, server, called.ID()
}

func connectedHosts(t *testing.T) (a, b host.Host) {
	t.Helper()
	a, _ = newHost(t, testSecret(1))
	b, _ = newHost(t, testSecret(1))
	if err := a.Connect(t.Context(), peer.AddrInfo{ID: b.ID(), Addrs: b.Addrs()}); err != nil {
		t.Fatal(err)
	}
	return a, b
}

func someCID(t testing.TB) api.Cid {
	t.Helper()
	root, _, _ := testkit.Tree(t, "awaited")
	return api.NewCid(root.Cid())
}

func TestAwaitsAreAnsweredAsTheyAreKnown(t *testing.T) {
	release := make(chan struct{})
	client, _, id := awaitPair(t, func(_ context.Context, r reconcile.AwaitRequest) (reconcile.AwaitReply, error) {
		if r.Index == 0 { // the first one is answered last
			<-release
			return reconcile.AwaitReply{Blocks: 7}, errors.New("a failure")
		}
		return reconcile.AwaitReply{Held: r.Index%2 == 0, Gone: r.Index%2 == 1}, nil
	})
	c := someCID(t)
	var g errgroup.Group
	g.Go(func() error {
		reply, err := client.ask(t.Context(), id, reconcile.AwaitRequest{Cid: c, Timeout: time.Second})
		if want := (reconcile.AwaitReply{Blocks: 7, Error: "a failure"}); reply != want {
			t.Errorf("the reply is %+v, %v", reply, err)
		}
		return err
	})
	var quick errgroup.Group
	for i := 1; i <= 500; i++ {
		quick.Go(func() error {
			reply, err := client.ask(t.Context(), id, reconcile.AwaitRequest{Cid: c, Index: uint64(i), Timeout: time.Second})
			if reply.Held != (i%2 == 0) || reply.Gone == reply.Held {
				t.Errorf("reply %d is %+v", i, reply)
			}
			return err
		})
	}
	if err := quick.Wait(); err != nil {
		t.Error(err)
	}
	close(release)
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

func TestAwaitsEndWithTheStreamAndGoOnWithTheNext(t *testing.T) {
	waits := make(chan struct{}, 8)
	client, server, id := awaitPair(t, func(ctx context.Context, r reconcile.AwaitRequest) (reconcile.AwaitReply, error) {
		if r.Index == 1 {
			return reconcile.AwaitReply{Held: true}, nil
		}
		waits <- struct{}{}
		<-ctx.Done()
		return reconcile.AwaitReply{}, ctx.Err()
	})
	ask := func(index uint64) error {
		_, err := client.ask(t.Context(), id, reconcile.AwaitRequest{Cid: someCID(t), Index: index, Timeout: 5 * time.Second})
		return err
	}
	result := make(chan error, 1)
	go func() { result <- ask(0) }()
	<-waits
	client.mu.Lock()
	client.streams[id].out.end() // as when the connection is lost
	client.mu.Unlock()
	if err := <-result; !errors.Is(err, errStreamEnded) {
		t.Errorf("a wait on a lost stream ended with %v", err)
	}
	eventually(t, "a new stream answers", func() bool { return ask(1) == nil })

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, err := client.ask(ctx, id, reconcile.AwaitRequest{Cid: someCID(t), Timeout: 5 * time.Second})
		result <- err
	}()
	<-waits
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled wait ended with %v", err)
	}
	go func() { result <- ask(0) }()
	<-waits
	server.close()
	if err := <-result; err == nil {
		t.Error("a wait at a server that closes has no error")
	}
	client.close()
	if err := ask(1); err == nil {
		t.Error("a closed client answers")
	}
}

// A peer that takes questions and never answers is given up after the question's time.
func TestAwaitAtASilentPeer(t *testing.T) {
	caller, called := connectedHosts(t)
	called.SetStreamHandler(awaitProtocol, func(s network.Stream) { _, _ = io.Copy(io.Discard, s) })
	client := newAwaitClient(caller)
	defer client.close()
	began := time.Now()
	_, err := client.ask(t.Context(), called.ID(), reconcile.AwaitRequest{Cid: someCID(t), Timeout: time.Millisecond})
	if took := time.Since(began); !errors.Is(err, errNoAnswer) || took > 3*answerGrace {
		t.Errorf("after %s: %v", took, err)
	}
}
