package consensus

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/pnet"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"

	"github.com/underlay/underlay/internal/testkit"
)

// member is one peer of a test cluster. Its host lives as long as the test, its
// consensus may be closed and opened again.
type member struct {
	*Consensus
	t    testing.TB
	opts Options
	down bool
}

// testCluster is several peers in this process, on real hosts and directories.
type testCluster struct {
	t     testing.TB
	peers []*member
}

// testHosts returns n connected hosts of one private network.
func testHosts(t testing.TB, n int) []host.Host {
	t.Helper()
	secret := pnet.PSK(bytes.Repeat([]byte{7}, 32))
	var hosts []host.Host
	for range n {
		h, err := libp2p.New(
			libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"),
			libp2p.Transport(tcp.NewTCPTransport),
			libp2p.Security(noise.ID, noise.New),
			libp2p.PrivateNetwork(secret),
			libp2p.DisableRelay(),
			libp2p.DisableMetrics(),
			libp2p.ResourceManager(nil),
		)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := h.Close(); err != nil {
				t.Error(err)
			}
		})
		for _, o := range hosts {
			if err := h.Connect(t.Context(), peer.AddrInfo{ID: o.ID(), Addrs: o.Addrs()}); err != nil {
				t.Fatal(err)
			}
		}
		hosts = append(hosts, h)
	}
	return hosts
}

// openPeers opens n peers without a cluster. The test's cleanup closes those
// that are up.
func openPeers(t testing.TB, n int, tune func(*Options)) *testCluster {
	t.Helper()
	tc := &testCluster{t: t}
	for _, h := range testHosts(t, n) {
		o := Options{
			Dir: t.TempDir(), Host: h, Logger: testLogger(t).With("peer", h.ID().String()[46:]),
			Heartbeat: 300 * time.Millisecond, CacheBytes: 1 << 20,
			Fatal: func(err error) { t.Errorf("fatal: %v", err) },
		}
		if tune != nil {
			tune(&o)
		}
		m := &member{t: t, opts: o, down: true}
		m.start()
		tc.peers = append(tc.peers, m)
		t.Cleanup(m.stop)
	}
	return tc
}

// startCluster opens n peers as one cluster and waits until they are ready. The
// test's cleanup makes sure that all peers that are up hold the same state.
func startCluster(t testing.TB, n int, tune func(*Options)) *testCluster {
	t.Helper()
	tc := openPeers(t, n, tune)
	if err := tc.peers[0].Bootstrap(tc.ids()); err != nil {
		t.Fatal(err)
	}
	tc.awaitReady()
	t.Cleanup(tc.check)
	return tc
}

func (m *member) start() {
	m.t.Helper()
	c, err := Open(m.opts)
	if err != nil {
		m.t.Fatal(err)
	}
	m.Consensus, m.down = c, false
}

func (m *member) stop() {
	if m.down {
		return
	}
	m.down = true
	if err := m.Close(); err != nil {
		m.t.Error(err)
	}
}

// kill takes a peer's host off the network for good, as the death of its process
// would. The peer itself has yet to be stopped.
func (m *member) kill() {
	m.t.Helper()
	if err := m.opts.Host.Close(); err != nil {
		m.t.Error(err)
	}
}

func (tc *testCluster) ids() []peer.ID {
	var ids []peer.ID
	for _, m := range tc.peers {
		ids = append(ids, m.id)
	}
	return ids
}

func (tc *testCluster) up() []*member {
	var up []*member
	for _, m := range tc.peers {
		if !m.down {
			up = append(up, m)
		}
	}
	return up
}

func (tc *testCluster) awaitReady() {
	tc.t.Helper()
	ctx := limit(tc.t)
	for _, m := range tc.up() {
		select {
		case <-m.Ready(ctx):
		case <-ctx.Done():
			tc.t.Fatalf("peer %s is not ready: %+v", m.id, m.Status())
		}
	}
}

// leader returns the leader and the other peers that are up.
func (tc *testCluster) leader() (leader *member, followers []*member) {
	tc.t.Helper()
	up := tc.up()
	eventually(tc.t, func() bool {
		leader, followers = nil, nil
		for _, m := range up {
			switch s := m.Status(); {
			case s.State == "Leader":
				leader = m
			case s.State == "Follower" && s.Leader != "":
				followers = append(followers, m)
			}
		}
		return leader != nil && len(followers) == len(up)-1
	})
	return leader, followers
}

// check compares the states of all peers that are up, byte for byte.
func (tc *testCluster) check() {
	tc.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	up := tc.up()
	var last uint64
	for _, m := range up {
		if err := m.Barrier(ctx); err != nil {
			tc.t.Errorf("peer %s: %v, %+v", m.id, err, m.Status())
			return
		}
		last = max(last, m.Applied())
	}
	first := ""
	for i, m := range up {
		if err := m.WaitApplied(ctx, last); err != nil {
			tc.t.Errorf("peer %s: %v", m.id, err)
			return
		}
		state := dump(tc.t, m.Consensus)
		if i == 0 {
			first = state
		} else if first != state {
			tc.t.Errorf("peers %s and %s hold different states", up[0].id, m.id)
		}
	}
}

// limit returns a context that ends a test that hangs.
func limit(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// eventually polls a condition.
func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	testkit.Eventually(t, 30*time.Second, "the condition", ok)
}

// mustCommit fails the test unless the operations are committed without error.
func mustCommit(t testing.TB, m *member, ops ...Op) Commit {
	t.Helper()
	done, err := m.Commit(limit(t), ops...)
	if err == nil {
		err = errors.Join(done.Errs...)
	}
	if err != nil {
		t.Fatalf("commit on %s: %v, %+v", m.id, err, m.Status())
	}
	return done
}

var _ io.Closer = (*Consensus)(nil)
