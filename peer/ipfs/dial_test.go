package ipfs

import (
	"strings"
	"testing"

	ma "github.com/multiformats/go-multiaddr"

	kuboconfig "github.com/ipfs/kubo/config"
)

func TestTCPIsDialledFirstInAPrivateNetwork(t *testing.T) {
	for _, r := range []struct {
		name  string
		addrs []string
		first string // the only address without delay
	}{
		{"both", []string{"/ip4/10.0.0.7/udp/4001/quic-v1", "/ip4/10.0.0.7/tcp/4001"}, "/ip4/10.0.0.7/tcp/4001"},
		{"public beside", []string{"/ip4/8.8.8.8/udp/4001/quic-v1", "/ip4/10.0.0.7/tcp/4001"}, "/ip4/10.0.0.7/tcp/4001"},
		{"public alone", []string{"/ip4/8.8.8.8/udp/4001/quic-v1", "/ip4/8.8.8.8/tcp/4001"}, "/ip4/8.8.8.8/udp/4001/quic-v1"},
		{"WebSocket", []string{"/ip4/10.0.0.7/udp/4001/quic-v1", "/ip4/10.0.0.7/tcp/4001/ws"}, "/ip4/10.0.0.7/udp/4001/quic-v1"},
	} {
		var addrs []ma.Multiaddr
		for _, a := range r.addrs {
			addrs = append(addrs, ma.StringCast(a))
		}
		ranked := rankDials(addrs)
		if len(ranked) != len(addrs) {
			t.Errorf("%s: %d addresses became %v", r.name, len(addrs), ranked)
		}
		for _, d := range ranked {
			if (d.Delay == 0) != (d.Addr.String() == r.first) {
				t.Errorf("%s: %s comes after %s", r.name, d.Addr, d.Delay)
			}
		}
	}
}

func TestNodesOfOneMachineAreConnectedOverTCP(t *testing.T) {
	both := func(conf *kuboconfig.Config) error {
		conf.Addresses.Swarm = []string{"/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"}
		return nil
	}
	here, there := openNode(t, t.TempDir()+"/here", both), openNode(t, t.TempDir()+"/there", both)
	connect(t, here, there)
	for _, conn := range here.PeerHost.Network().ConnsToPeer(there.Identity) {
		if addr := conn.RemoteMultiaddr().String(); !strings.Contains(addr, "/tcp/") || conn.ConnState().Security != "/tls/1.0.0" {
			t.Errorf("the connection is to %s, secured with %s", addr, conn.ConnState().Security)
		}
	}
}
