package peer

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/libp2p/go-libp2p/core/network"
	manet "github.com/multiformats/go-multiaddr/net"

	kuboconfig "github.com/ipfs/kubo/config"
)

// road is the only way to a node. When it is cut, the connections on it stay open, and neither end hears from the other
// again: so a peer sees one that has lost its power. New connections pass.
type road struct {
	t  testing.TB
	l  net.Listener
	to string

	mu    sync.Mutex
	cut   chan struct{} // closed: what is on the road stays there
	conns []net.Conn
	moves sync.WaitGroup
}

// buildRoad opens a road to an address, for the time of the test.
func buildRoad(t testing.TB, to string) *road {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &road{t: t, l: l, to: to, cut: make(chan struct{})}
	r.moves.Go(r.serve)
	t.Cleanup(r.close)
	return r
}

func (r *road) serve() {
	for {
		in, err := r.l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", r.to)
		if err != nil {
			in.Close()
			continue
		}
		r.mu.Lock()
		r.conns = append(r.conns, in, out)
		cut := r.cut
		r.mu.Unlock()
		r.moves.Go(func() { move(out, in, cut) })
		r.moves.Go(func() { move(in, out, cut) })
	}
}

// move carries what comes from one connection to the other, and its end, until the road is cut; then it only takes.
func move(to, from net.Conn, cut <-chan struct{}) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		select {
		case <-cut:
			_, _ = io.Copy(io.Discard, from)
			return
		default:
		}
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			to.Close()
			return
		}
	}
}

func (r *road) cutOff() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.cut)
	r.cut = make(chan struct{})
}

func (r *road) close() {
	r.l.Close()
	r.mu.Lock()
	for _, c := range r.conns {
		c.Close()
	}
	r.mu.Unlock()
	r.moves.Wait()
}

// onRoad makes the peer's node reachable by a road only.
func onRoad(t testing.TB, o *Options) *road {
	t.Helper()
	listen := freePorts(t, 1)[0]
	r := buildRoad(t, listen)
	o.ConfigureIPFS = func(conf *kuboconfig.Config) error {
		for addrs, addr := range map[*[]string]string{&conf.Addresses.Swarm: listen, &conf.Addresses.Announce: r.l.Addr().String()} {
			tcp, err := net.ResolveTCPAddr("tcp", addr)
			if err != nil {
				return err
			}
			m, err := manet.FromNetAddr(tcp)
			if err != nil {
				return err
			}
			*addrs = []string{m.String()}
		}
		return nil
	}
	return r
}

// keepStreams gives the connections to the other node more streams than new ones have: a node prefers such.
func (r *running) keepStreams(other *running) {
	r.t.Helper()
	var conns []network.Conn
	eventually(r.t, "the nodes are connected", func() bool {
		conns = r.Node().PeerHost.Network().ConnsToPeer(other.Node().Identity)
		return len(conns) > 0
	})
	for range 10 {
		if _, err := conns[0].NewStream(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
	}
}

// fetches checks that the peer's node gets a block that only the other one has.
func (r *running) fetches(name string, from *running) {
	r.t.Helper()
	root := merkledag.NodeWithData([]byte(name))
	if err := from.Node().DAG.Add(r.t.Context(), root); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	if _, err := r.Node().DAG.Get(ctx, root.Cid()); err != nil {
		r.t.Errorf("fetch a block that is %s: %v", name, err)
	}
}

// A peer that lost its power and is back exchanges blocks with the others at once, although they still hold the
// connections of before.
func TestNodesOfARestartedPeerMeetAnew(t *testing.T) {
	dir, addrs := t.TempDir(), freePorts(t, 2)
	stays, leaves := testOptions(filepath.Join(dir, "stays"), addrs[0], addrs...), testOptions(filepath.Join(dir, "leaves"), addrs[1], addrs...)
	roads := []*road{onRoad(t, &stays), onRoad(t, &leaves)}
	a, b := startPeer(t, stays), startPeer(t, leaves)
	a.awaitReady()
	b.awaitReady()
	a.fetches("on the second before", b)
	b.fetches("on the first before", a)
	a.keepStreams(b)

	for _, r := range roads {
		r.cutOff()
	}
	b.stop()
	b = startPeer(t, leaves)
	b.awaitReady()
	a.awaitReady()
	b.fetches("on the first after", a)
	a.fetches("on the second after", b)
}
