// Package lone runs the real consensus with one member, for tests of what builds on the replicated state. Package testkit
// cannot hold it: the tests of consensus use that.
package lone

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
)

// Open starts a consensus with one member, with its files in dir, until the test ends or its Close is called. It compacts
// its log after few entries, so that there are snapshots.
func Open(t testing.TB, dir string) *consensus.Consensus {
	t.Helper()
	host, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"))
	if err != nil {
		t.Fatalf("open host: %v", err)
	}
	t.Cleanup(func() {
		if err := host.Close(); err != nil {
			t.Errorf("close host: %v", err)
		}
	})
	c, err := consensus.Open(consensus.Options{
		Dir: dir, Host: host, Heartbeat: 100 * time.Millisecond,
		SnapshotEntries: 8, TrailingEntries: 1, SnapshotInterval: 20 * time.Millisecond, SegmentBytes: 1 << 20,
	})
	if err != nil {
		t.Fatalf("open consensus: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close consensus: %v", err)
		}
	})
	if err := c.Bootstrap([]peer.ID{host.ID()}); err != nil {
		t.Fatalf("found a cluster: %v", err)
	}
	return c
}
