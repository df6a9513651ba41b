package peer

import (
	"testing"

	"github.com/ipfs/kubo/core"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	kuboconfig "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/peer/ipfs"
	"github.com/underlay/underlay/peer/ipfs/ipfstest"
)

func newNode(t testing.TB) *core.IpfsNode {
	t.Helper()
	return ipfstest.Open(t, t.TempDir()+"/ipfs", func(conf *kuboconfig.Config) error {
		conf.Addresses.Swarm = []string{"/ip4/127.0.0.1/udp/0/quic-v1"}
		return nil
	})
}

// TestLinksAreToTheProcessThatIsThere: an old connection swallows what is sent to a node that was killed and is back.
func TestLinksAreToTheProcessThatIsThere(t *testing.T) {
	here, there := newNode(t), newNode(t)
	l, err := newLinks(here)
	if err != nil {
		t.Fatal(err)
	}
	hello := Hello{Node: there.Identity, NodeAddrs: ipfs.Addrs(there), Process: "first"}
	conn := func() network.Conn {
		t.Helper()
		if !l.joined(hello) {
			t.Fatal("the nodes are not connected")
		}
		return here.PeerHost.Network().ConnsToPeer(there.Identity)[0]
	}
	join := func() {
		t.Helper()
		if err := l.join(t.Context(), hello); err != nil {
			t.Fatal(err)
		}
	}
	if err := there.PeerHost.Connect(t.Context(), peer.AddrInfo{ID: here.Identity, Addrs: here.PeerHost.Addrs()}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other has connected by itself", func() bool { return l.joined(hello) })

	early := conn()
	join()
	first := conn()
	if !early.IsClosed() || first.IsClosed() {
		t.Errorf("the connection from before the greeting is closed: %t, the next: %t", early.IsClosed(), first.IsClosed())
	}
	join()
	if l.meet(hello); first.IsClosed() {
		t.Error("another greeting of the same process has closed the connection")
	}
	hello.Process = "second"
	if l.meet(hello); !first.IsClosed() {
		t.Error("the connection to the first process is still open")
	}
	join()
	if second := conn(); second == first || second.IsClosed() {
		t.Error("there is no new connection")
	}
}

// A node gets blocks as long as its peer is a member: not before it has greeted, and not once an operator has removed it.
func TestBlocksAreForMembers(t *testing.T) {
	l, err := newLinks(newNode(t))
	if err != nil {
		t.Fatal(err)
	}
	node := testID(t)
	expect := func(when string, want bool) {
		t.Helper()
		if got := l.blocks.Admitted(node); got != want {
			t.Errorf("%s the node is admitted: %t", when, got)
		}
	}
	expect("before a greeting", false)
	l.meet(Hello{Node: node, Process: "first"})
	expect("after a greeting", true)
	l.bar(node, true)
	expect("when it is removed", false)
	l.meet(Hello{Node: node, Process: "second"})
	expect("after another greeting", false)
	l.bar(node, false)
	expect("when it is let in again", true)
}
