package ipfs

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"

	kuboconfig "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/internal/testkit"
)

// A node that was away comes back while another keeps dialing it, and must be able to fetch from that one at once: a
// connection that is there before all of the node is must not be one that part of it never hears of.
func TestFetchAfterBeingDialedDuringStart(t *testing.T) {
	source := newNode(t)
	for round := range 10 {
		addr, dir := freeAddr(t), t.TempDir()+"/ipfs"
		listen := func(conf *kuboconfig.Config) error {
			conf.Addresses.Swarm = []string{addr}
			return nil
		}
		target := openNode(t, dir, listen)
		info := peer.AddrInfo{ID: target.Identity, Addrs: target.PeerHost.Addrs()}
		closeNode(t, target)

		ctx, cancel := context.WithCancel(t.Context())
		dialed := make(chan struct{})
		go func() {
			defer close(dialed)
			for ctx.Err() == nil && source.PeerHost.Connect(ctx, info) != nil {
				source.PeerHost.Network().(*swarm.Swarm).Backoff().Clear(info.ID)
			}
		}()
		target = openNode(t, dir, listen)
		// Both dial at the same time, which can fail.
		testkit.Eventually(t, 10*time.Second, "the nodes are connected", func() bool {
			return target.PeerHost.Connect(t.Context(), peer.AddrInfo{ID: source.Identity, Addrs: source.PeerHost.Addrs()}) == nil
		})
		tr := addTree(t, source, fmt.Sprint("round ", round))
		err := newPins(t, target).Fetch(within(t, 5*time.Second), pinOf(tr.root, api.PinModeRecursive), new(merkledag.ProgressTracker), GiveUpWhenStalled)
		if err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		cancel()
		<-dialed
		closeNode(t, target)
	}
}

// freeAddr returns an address on loopback that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", l.Addr().(*net.TCPAddr).Port)
}
