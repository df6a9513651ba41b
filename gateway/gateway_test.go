package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/ipfs/boxo/files"
	"go.uber.org/goleak"
)

func TestMissingNodeIsRefused(t *testing.T) {
	l := listenLoopback(t)
	if _, err := Open(Options{}, l); err == nil {
		t.Error("no node: no error")
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is still open: %v", err)
	}
}

// openDownload starts to fetch a file that is larger than any socket buffer, and reads one byte of it.
func openDownload(t *testing.T, url string) (io.ReadCloser, byte) {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	res, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		t.Fatalf("open download: %v", err)
	}
	t.Cleanup(func() { res.Body.Close() })
	var first [1]byte
	if _, err := io.ReadFull(res.Body, first[:]); err != nil {
		t.Fatalf("read first byte: %v", err)
	}
	return res.Body, first[0]
}

func TestCancelFinishesResponsesInProgress(t *testing.T) {
	node := newNode(t, false, nil)
	want := noise(48 << 20)
	root := add(t, node, files.NewBytesFile(want))
	g := start(t, Options{Node: node, ShutdownTimeout: time.Minute})
	body, first := openDownload(t, g.url+root.String())
	g.cancel()
	eventually(t, "new connections are refused", func() bool { return refused(g.Addr()) })
	rest, err := io.ReadAll(body)
	if err != nil || !bytes.Equal(append([]byte{first}, rest...), want) {
		t.Errorf("download cut at %d of %d bytes: %v", len(rest)+1, len(want), err)
	}
	if err := g.ended(t); err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestDrainIsBounded(t *testing.T) {
	node := newNode(t, false, nil)
	root := add(t, node, files.NewBytesFile(noise(48<<20)))
	g := start(t, Options{Node: node, ShutdownTimeout: 50 * time.Millisecond})
	body, _ := openDownload(t, g.url+root.String())
	g.cancel()
	if err := g.ended(t); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := io.ReadAll(body); err == nil {
		t.Error("a download that outlives the drain must end with an error, not look complete")
	}
}

func TestConcurrentRequestsAreLimited(t *testing.T) {
	node := newNode(t, false, nil)
	root := add(t, node, files.NewBytesFile(noise(48<<20)))
	g := start(t, Options{Node: node, MaxConcurrentRequests: 1, ShutdownTimeout: 50 * time.Millisecond})
	openDownload(t, g.url+root.String())
	if got := ask(t, "HEAD", g.url+root.String()); got.StatusCode != 429 {
		t.Errorf("second request: status %d, want 429", got.StatusCode)
	}
	if got := ask(t, "GET", g.url+"/healthz"); got.StatusCode != 200 {
		t.Errorf("health must not count: status %d", got.StatusCode)
	}
}

func TestStopLeavesNothing(t *testing.T) {
	node := newNode(t, false, nil)
	root := add(t, node, files.NewBytesFile([]byte("short")))
	before := goleak.IgnoreCurrent()
	g, err := Open(Options{Node: node}, listenLoopback(t))
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Serve(ctx) }()
	if got := ask(t, "GET", "http://"+g.Addr().String()+root.String()); got.StatusCode != 200 {
		t.Errorf("status %d", got.StatusCode)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	for range 2 {
		if err := g.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	goleak.VerifyNone(t, before)
}

func TestCloseStopsServeAndFreesThePort(t *testing.T) {
	node := newNode(t, false, nil)
	g := start(t, Options{Node: node})
	if got := ask(t, "GET", g.url+"/"); got.StatusCode != 200 {
		t.Fatalf("status %d", got.StatusCode)
	}
	if err := g.Serve(t.Context()); err == nil {
		t.Error("second Serve: no error")
	}
	if err := g.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := g.ended(t); err != nil {
		t.Errorf("Serve: %v", err)
	}
	l, err := net.Listen("tcp", g.Addr().String())
	if err != nil {
		t.Fatalf("the port is still taken: %v", err)
	}
	l.Close()
}

func TestCloseBeforeServe(t *testing.T) {
	g, err := Open(Options{Node: newNode(t, false, nil)}, listenLoopback(t))
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	if err := g.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := g.Serve(t.Context()); err != nil {
		t.Errorf("Serve after Close: %v", err)
	}
}
