package peer

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
)

// callRig is two hosts that call each other, and what the second serves to the first.
type callRig struct {
	from, to *calls
	server   *http.Server
}

// newCallRig serves handler on one host to another, whose ID is among the members if member says so.
func newCallRig(t *testing.T, member bool, handler http.Handler) *callRig {
	t.Helper()
	here, _ := newHost(t, testSecret(1))
	there, _ := newHost(t, testSecret(1))
	if err := here.Connect(t.Context(), peer.AddrInfo{ID: there.ID(), Addrs: there.Addrs()}); err != nil {
		t.Fatal(err)
	}
	members := []peer.ID{there.ID()}
	if member {
		members = append(members, here.ID())
	}
	open := func(h host.Host) *calls {
		c := newCalls(h, func(context.Context) ([]peer.ID, error) { return members, nil })
		t.Cleanup(func() { _ = c.Close() }) // it returns nil
		return c
	}
	r := &callRig{from: open(here), to: open(there), server: &http.Server{Handler: handler}}
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(r.to) }()
	t.Cleanup(func() {
		if err := r.server.Close(); err != nil {
			t.Errorf("close server: %v", err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	return r
}

// request is one to the peer that is served.
func (r *callRig) request(ctx context.Context, t *testing.T, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.to.host.ID().String()+"/path?query", body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// A handler that answers line by line what comes line by line shows that neither direction is held back.
func TestCallsStreamBothWaysAndCarryTrailers(t *testing.T) {
	r := newCallRig(t, true, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		w.Header().Set("Trailer", "X-End")
		buf := make([]byte, 100)
		for {
			n, err := r.Body.Read(buf)
			_, _ = w.Write([]byte(strings.ToUpper(string(buf[:n]))))
			_ = http.NewResponseController(w).Flush()
			if err != nil {
				break
			}
		}
		w.Header().Set("X-End", r.URL.RequestURI())
	}))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	body, send := io.Pipe()
	go func() { _, _ = send.Write([]byte("one")) }() // the pipe's reader shows whether it came
	resp, err := r.from.transport.RoundTrip(r.request(ctx, t, body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for i, want := range []string{"ONE", "TWO"} {
		if i > 0 {
			if _, err := send.Write([]byte(strings.ToLower(want))); err != nil {
				t.Fatal(err)
			}
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
	if err := send.Close(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
		t.Errorf("then %q, %v", rest, err)
	}
	if got := resp.Trailer.Get("X-End"); got != "/path?query" {
		t.Errorf("the trailer is %q", got)
	}
}

func TestCallsEndWithTheirCaller(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan struct{})
	r := newCallRig(t, true, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		close(ended)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	req := r.request(ctx, t, nil)
	go func() {
		_, err := r.from.transport.RoundTrip(req)
		failed <- err
	}()
	<-begun
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller gets %v", err)
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("the handler runs on although nobody waits for it")
	}
}

func TestCallsOfStrangersAreRefused(t *testing.T) {
	r := newCallRig(t, false, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a stranger's request is served")
	}))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if resp, err := r.from.transport.RoundTrip(r.request(ctx, t, nil)); err == nil {
		resp.Body.Close()
		t.Errorf("a stranger gets status %d", resp.StatusCode)
	} else if ctx.Err() != nil {
		t.Errorf("a stranger waits: %v", err)
	}
}

func TestCallsReachThePeerItself(t *testing.T) {
	r := newCallRig(t, true, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	resp, err := r.to.transport.RoundTrip(r.request(t.Context(), t, strings.NewReader("to myself")))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "to myself" {
		t.Errorf("got %q, %v", got, err)
	}
}

// Streams that nobody has accepted end with the listener, which waits for them.
func TestCallsEndUnacceptedOnClose(t *testing.T) {
	r := newCallRig(t, true, nil)
	lone := newCalls(r.from.host, func(context.Context) ([]peer.ID, error) { return []peer.ID{r.to.host.ID()}, nil })
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.from.host.ID().String()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := r.to.transport.RoundTrip(req)
		failed <- err
	}()
	eventually(t, "the stream has come", func() bool {
		for _, conn := range lone.host.Network().Conns() {
			for _, s := range conn.GetStreams() {
				if s.Protocol() == callProtocol {
					return true
				}
			}
		}
		return false
	})
	if err := lone.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("a call that nobody accepted is answered")
	}
	if _, err := lone.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: %v", err)
	}
}
