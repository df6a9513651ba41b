package peer

import (
	"context"
	"fmt"
	"net"

	"github.com/libp2p/go-libp2p"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/metrics"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// openHost starts the host of the private network: TCP behind the cluster secret, nothing that talks to strangers.
func openHost(listen string, announce []string, key crypto.PrivKey, secret []byte, bw metrics.Reporter) (host.Host, error) {
	addr, err := listenAddr(listen)
	if err != nil {
		return nil, fmt.Errorf("cluster.listen: %w", err)
	}
	announced, err := multiaddrs(announce)
	if err != nil {
		return nil, fmt.Errorf("cluster.announce: %w", err)
	}
	h, err := libp2p.New(
		libp2p.Identity(key),
		libp2p.PrivateNetwork(secret),
		libp2p.ListenAddrs(addr),
		libp2p.AddrsFactory(func(own []ma.Multiaddr) []ma.Multiaddr {
			if len(announced) > 0 {
				return announced
			}
			return own
		}),
		libp2p.NoTransports,
		libp2p.Transport(tcp.NewTCPTransport, tcp.DisableReuseport()),
		libp2p.Security(noise.ID, noise.New),
		libp2p.ResourceManager(&network.NullResourceManager{}), // every peer here holds the secret
		libp2p.BandwidthReporter(bw),
		libp2p.DisableRelay(),
		libp2p.DisableMetrics(),
	)
	if err != nil {
		return nil, fmt.Errorf("listen for cluster peers on %s: %w", listen, err)
	}
	return h, nil
}

// openPubsub starts the gossip by which peers publish their metrics. It ends with ctx.
func openPubsub(ctx context.Context, h host.Host) (*pubsub.PubSub, error) {
	ps, err := pubsub.NewGossipSub(ctx, h, pubsub.WithFloodPublish(true))
	if err != nil {
		return nil, fmt.Errorf("start cluster gossip: %w", err)
	}
	return ps, nil
}

// listenAddr turns host:port into the multiaddr to listen on; an empty host means every interface.
func listenAddr(hostport string) (ma.Multiaddr, error) {
	tcpAddr, err := net.ResolveTCPAddr("tcp", hostport)
	if err != nil {
		return nil, fmt.Errorf("resolve %q: %w", hostport, err)
	}
	if tcpAddr.IP == nil {
		tcpAddr.IP = net.IPv4zero
	}
	return manet.FromNetAddr(tcpAddr)
}

// multiaddrs turns host:port addresses into multiaddrs; names stay names and are resolved at each dial.
func multiaddrs(hostports []string) ([]ma.Multiaddr, error) {
	addrs := make([]ma.Multiaddr, 0, len(hostports))
	for _, hp := range hostports {
		addr, err := dialAddr(hp)
		if err != nil {
			return nil, err
		}
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

func dialAddr(hostport string) (ma.Multiaddr, error) {
	name, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", hostport, err)
	}
	kind := "dns"
	if ip := net.ParseIP(name); ip != nil {
		kind = "ip6"
		if ip.To4() != nil {
			kind = "ip4"
		}
	}
	addr, err := ma.NewMultiaddr("/" + kind + "/" + name + "/tcp/" + port)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", hostport, err)
	}
	return addr, nil
}
