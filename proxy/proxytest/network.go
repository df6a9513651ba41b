package proxytest

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/test"
)

// Network stands for the private network between the peers.
type Network struct {
	mu    sync.Mutex
	names map[peer.ID]string
	addrs map[string]string // where a member serves the others, by ID; one without is down
}

// NewNetwork makes a network without members.
func NewNetwork() *Network {
	return &Network{names: make(map[peer.ID]string), addrs: make(map[string]string)}
}

// Join makes a member of the given name.
func (n *Network) Join(t testing.TB, name string) Member {
	t.Helper()
	id, err := test.RandPeerID()
	if err != nil {
		t.Fatal(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names[id] = name
	return Member{id, n}
}

// Reach says where a member serves the others: nowhere if addr is empty.
func (n *Network) Reach(m Member, addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addrs[m.id.String()] = addr
}

func (n *Network) dial(ctx context.Context, _, addr string) (net.Conn, error) {
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

// Member is the network as one of the peers sees it.
type Member struct {
	id peer.ID
	*Network
}

// ID implements member.Peers.
func (m Member) ID() peer.ID { return m.id }

// Names implements member.Peers.
func (m Member) Names(context.Context) (map[peer.ID]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.names), nil
}

// Transport implements member.Peers.
func (m Member) Transport() http.RoundTripper {
	return &http.Transport{DialContext: m.dial, DisableKeepAlives: true, DisableCompression: true}
}
