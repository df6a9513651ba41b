package sim

import (
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// hostPeerstore is what a host knows about the others.
type hostPeerstore struct {
	peerstore.Peerstore // nil
	h                   *Host
}

// Peerstore implements host.Host.
func (h *Host) Peerstore() peerstore.Peerstore { return hostPeerstore{h: h} }

// SupportsProtocols implements peerstore.Peerstore. A host hears at once what
// another has begun or ceased to handle.
func (s hostPeerstore) SupportsProtocols(id peer.ID, protocols ...protocol.ID) ([]protocol.ID, error) {
	s.h.net.mu.Lock()
	other := s.h.net.hosts[id]
	s.h.net.mu.Unlock()
	var handled []protocol.ID
	for _, p := range protocols {
		if other != nil && other.handler(p) != nil {
			handled = append(handled, p)
		}
	}
	return handled, nil
}
