package sim

import (
	"context"
	"sync"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// Host is one life of a peer's host. It has the methods that consensus uses, the
// others of the interface panic.
type Host struct {
	host.Host // nil
	id        peer.ID
	net       *Network

	mu       sync.Mutex
	handlers map[protocol.ID]network.StreamHandler
	watchers map[network.Notifiee]struct{}
}

var _ host.Host = (*Host)(nil)

// Host starts a host. Another of the same ID must be closed.
func (n *Network) Host(id peer.ID) *Host {
	h := &Host{
		id: id, net: n,
		handlers: make(map[protocol.ID]network.StreamHandler), watchers: make(map[network.Notifiee]struct{}),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.forget(id)
	n.hosts[id] = h
	return h
}

// Close ends the host and breaks its streams, as when a process dies. It may be
// called twice.
func (h *Host) Close() error {
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hosts[h.id] == h {
		delete(n.hosts, h.id)
		n.forget(h.id)
	}
	return nil
}

// Vanish ends the host without a sign to the others, as when a machine dies:
// they find out by their timeouts, or when the next host of this ID starts.
func (h *Host) Vanish() {
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hosts[h.id] != h {
		return
	}
	delete(n.hosts, h.id)
	for s := range n.streams {
		if s.local == h.id {
			s.breakEnd()
		}
	}
	n.wake()
}

// ID implements host.Host.
func (h *Host) ID() peer.ID { return h.id }

// Network implements host.Host.
func (h *Host) Network() network.Network { return hostNetwork{h: h} }

// Connect implements host.Host.
func (h *Host) Connect(ctx context.Context, to peer.AddrInfo) error {
	return h.net.dial(ctx, pair{h.id, to.ID})
}

// NewStream implements host.Host. As with a real connection it does not wait for
// the other side to accept.
func (h *Host) NewStream(ctx context.Context, to peer.ID, protocols ...protocol.ID) (network.Stream, error) {
	if err := h.net.dial(ctx, pair{h.id, to}); err != nil {
		return nil, err
	}
	return h.net.newStream(h, to, protocols[0])
}

// SetStreamHandler implements host.Host.
func (h *Host) SetStreamHandler(p protocol.ID, f network.StreamHandler) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.handlers[p] = f
}

// RemoveStreamHandler implements host.Host.
func (h *Host) RemoveStreamHandler(p protocol.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.handlers, p)
}

func (h *Host) handler(p protocol.ID) network.StreamHandler {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.handlers[p]
}

func (h *Host) notify() {
	h.mu.Lock()
	watchers := make([]network.Notifiee, 0, len(h.watchers))
	for w := range h.watchers {
		watchers = append(watchers, w)
	}
	h.mu.Unlock()
	for _, w := range watchers {
		w.Connected(nil, nil)
	}
}

// hostNetwork is the part of a host that knows connections.
type hostNetwork struct {
	network.Network // nil
	h               *Host
}

// Notify implements network.Network.
func (n hostNetwork) Notify(w network.Notifiee) {
	n.h.mu.Lock()
	defer n.h.mu.Unlock()
	n.h.watchers[w] = struct{}{}
}

// StopNotify implements network.Network.
func (n hostNetwork) StopNotify(w network.Notifiee) {
	n.h.mu.Lock()
	defer n.h.mu.Unlock()
	delete(n.h.watchers, w)
}

// Connectedness implements network.Network.
func (n hostNetwork) Connectedness(id peer.ID) network.Connectedness {
	n.h.net.mu.Lock()
	defer n.h.net.mu.Unlock()
	if n.h.net.connected[pair{n.h.id, id}] {
		return network.Connected
	}
	return network.NotConnected
}
