package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/test"
)

// testNetwork stands for the private network between the peers.
type testNetwork struct {
	mu    sync.Mutex
	names map[peer.ID]string
	addrs map[string]string // where a member serves the others, by ID; one without is down
}

func newTestNetwork() *testNetwork {
	return &testNetwork{names: make(map[peer.ID]string), addrs: make(map[string]string)}
}

// join makes a member of the given name.
func (n *testNetwork) join(t testing.TB, name string) member {
	t.Helper()
	id, err := test.RandPeerID()
	if err != nil {
		t.Fatal(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names[id] = name
	return member{id, n}
}

// reach says where a member serves the others: nowhere if addr is empty.
func (n *testNetwork) reach(m member, addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addrs[m.id.String()] = addr
}

func (n *testNetwork) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	at := n.addrs[host]
	n.mu.Unlock()
	if at == "" {
		return nil, fmt.Errorf("no route to %s", host)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", at)
}

// member is the network as one of the peers sees it.
type member struct {
	id peer.ID
	*testNetwork
}

func (m member) ID() peer.ID { return m.id }

func (m member) Names(context.Context) (map[peer.ID]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.names), nil
}

func (m member) Transport() http.RoundTripper {
	return &http.Transport{DialContext: m.dial, DisableKeepAlives: true, DisableCompression: true}
}

// newAddressedPair serves what one member serves, with another that serves handler.
func newAddressedPair(t *testing.T, handler http.HandlerFunc) (here *serving, self, other member) {
	t.Helper()
	n := newTestNetwork()
	self, other = n.join(t, "here"), n.join(t, "there")
	logger := slog.New(slog.DiscardHandler)
	l := listenLoopback(t)
	serve(t, l, newAddressed(other, handler, http.NotFoundHandler(), logger), time.Second)
	n.reach(other, l.Addr().String())
	alone := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "alone") })
	cluster := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "cluster") })
	return serve(t, listenLoopback(t), newAddressed(self, alone, cluster, logger), time.Second), self, other
}

// unreached is a handler that no request may come to.
func unreached(t *testing.T) http.HandlerFunc {
	return func(http.ResponseWriter, *http.Request) { t.Error("the other peer is asked") }
}
