package peer

import (
	"context"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p"
	rpc "github.com/libp2p/go-libp2p-gorpc"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
)

// ErrTwin reports that another process has the identity of this peer, as when its data directory was copied.
var ErrTwin = errors.New("another peer with the identity of this one is running already; " +
	"a data directory must not be used by two peers: stop this one, or start it on an empty directory")

// checkTwin finds out whether it is this process that answers with this peer's identity at an address. If it is another one,
// the one that started later fails with ErrTwin. A libp2p host cannot connect to its own identity, so one without a name asks.
func (m *mesh) checkTwin(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, greetTimeout)
	defer cancel()
	target, err := dialAddr(addr)
	if err != nil {
		return err
	}
	asking, err := libp2p.New(
		libp2p.RandomIdentity, libp2p.PrivateNetwork(m.secret), libp2p.NoListenAddrs, libp2p.NoTransports,
		libp2p.Transport(tcp.NewTCPTransport, tcp.DisableReuseport()), libp2p.Security(noise.ID, noise.New),
		libp2p.ResourceManager(&network.NullResourceManager{}), libp2p.DisableRelay(), libp2p.DisableMetrics(),
	)
	if err != nil {
		return fmt.Errorf("find out who is at %s: %w", addr, err)
	}
	defer asking.Close()
	if err := asking.Connect(ctx, peer.AddrInfo{ID: m.host.ID(), Addrs: []ma.Multiaddr{target}}); err != nil {
		return fmt.Errorf("find out who is at %s: %w", addr, err)
	}
	var there Life
	if err := rpc.NewClient(asking, serviceProtocol).CallContext(ctx, m.host.ID(), "Peer", "Life", struct{}{}, &there); err != nil {
		return fmt.Errorf("find out who is at %s: %w", addr, err)
	}
	switch {
	case there.Process == m.life.Process:
		return nil
	case there.Started.Before(m.life.Started):
		return fmt.Errorf("%w (at %s)", ErrTwin, addr)
	}
	m.logger.Error("another peer with the identity of this one was started after it; it should end by itself", "addr", addr)
	return nil
}
