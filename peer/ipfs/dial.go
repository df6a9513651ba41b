package ipfs

import (
	"time"

	"github.com/ipfs/kubo/core/node/libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	golibp2p "github.com/libp2p/go-libp2p"
)

// otherDelay is the head start of TCP in a private network.
const otherDelay = 250 * time.Millisecond

// dialOptions are for the node's host.
func dialOptions() libp2p.Libp2pOpts {
	return libp2p.Libp2pOpts{Opts: []golibp2p.Option{golibp2p.SwarmOpts(swarm.WithDialRanker(rankDials))}}
}

// rankDials decides in which order a node's addresses are tried: as libp2p does, but in a private network TCP comes first.
// There, blocks cost a third of the processor time over TCP that they cost over QUIC, and a dead process is noticed at once.
func rankDials(addrs []ma.Multiaddr) []network.AddrDelay {
	var first []network.AddrDelay
	var others []ma.Multiaddr
	for _, a := range addrs {
		if manet.IsPrivateAddr(a) && plainTCP(a) {
			first = append(first, network.AddrDelay{Addr: a})
		} else {
			others = append(others, a)
		}
	}
	if len(first) == 0 {
		return swarm.DefaultDialRanker(addrs)
	}
	for _, d := range swarm.DefaultDialRanker(others) {
		d.Delay += otherDelay
		first = append(first, d)
	}
	return first
}

// plainTCP tells addresses of TCP from those of what runs over it.
func plainTCP(a ma.Multiaddr) bool {
	tcp := false
	for _, part := range a {
		switch part.Protocol().Code {
		case ma.P_TCP:
			tcp = true
		case ma.P_WS, ma.P_WSS, ma.P_CIRCUIT:
			return false
		}
	}
	return tcp
}
