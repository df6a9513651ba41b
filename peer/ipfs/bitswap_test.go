package ipfs

import (
	"strings"
	"testing"
	"time"

	"github.com/ipfs/kubo/core"
)

// A message that cannot be sent on a stream of an earlier connection is sent on a new one, and the other node stays known:
// bitswap once forgot a connected node over it, and never asked that node for anything again.
func TestFetchAfterABrokenStream(t *testing.T) {
	here, there := newNode(t), newNode(t)
	connect(t, here, there)
	for _, name := range []string{"first", "second", "third"} {
		tr := addTree(t, there, name)
		if _, err := here.DAG.Get(within(t, 10*time.Second), tr.root.Cid()); err != nil {
			t.Fatalf("fetch the %s block: %v", name, err)
		}
		breakStreams(t, here, there)
	}
}

// breakStreams makes what a node sends to another one with bitswap next fail at first.
func breakStreams(t *testing.T, from, to *core.IpfsNode) {
	t.Helper()
	broken := 0
	for _, conn := range from.PeerHost.Network().ConnsToPeer(to.Identity) {
		for _, stream := range conn.GetStreams() {
			if strings.HasPrefix(string(stream.Protocol()), "/ipfs/bitswap/") {
				_ = stream.Reset() // may be broken already
				broken++
			}
		}
	}
	if broken == 0 {
		t.Fatal("the nodes have no bitswap stream")
	}
}
