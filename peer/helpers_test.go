package peer

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/metrics"
	"github.com/libp2p/go-libp2p/core/peer"
	manet "github.com/multiformats/go-multiaddr/net"

	kuboconfig "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/internal/testkit"
)

// patience bounds what the tests wait for; it is long, so that a loaded machine does not fail them.
const patience = 20 * time.Second

// eventually polls until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	testkit.Eventually(t, patience, what, ok)
}

func testSecret(n byte) []byte { return bytes.Repeat([]byte{n}, secretLen) }

func testKey(t testing.TB) crypto.PrivKey {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func testID(t testing.TB) peer.ID {
	t.Helper()
	id, err := peer.IDFromPrivateKey(testKey(t))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// newHost opens a host of the private network, and returns where it listens.
func newHost(t testing.TB, secret []byte) (h host.Host, hostport string) {
	t.Helper()
	h, err := openHost("127.0.0.1:0", nil, testKey(t), secret, metrics.NewBandwidthCounter())
	if err != nil {
		t.Fatalf("open host: %v", err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("close host: %v", err)
		}
	})
	addr, err := manet.ToNetAddr(h.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	return h, addr.String()
}

// freePorts returns addresses on loopback that nobody listens on.
func freePorts(t testing.TB, n int) []string {
	t.Helper()
	addrs := make([]string, n)
	for i := range addrs {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		addrs[i] = l.Addr().String()
	}
	return addrs
}

// testLogger shows log lines only when asked to.
func testLogger() *slog.Logger {
	if os.Getenv("TEST_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func testOptions(dir, listen string, peers ...string) Options {
	var places Places
	if len(peers) > 0 {
		places = fixedPlaces(peers)
	}
	return Options{
		Dir: dir, Name: filepath.Base(dir), Listen: listen, Places: places, Secret: testSecret(7),
		ReplicationMin: -1, ReplicationMax: -1, Tuning: Tuning{AckReplicas: 2, AckTimeout: 10 * time.Second},
		Heartbeat: 500 * time.Millisecond, PinWorkers: 2, CloseTimeout: 10 * time.Second,
		Version: "test", Logger: testLogger(),
		ConfigureIPFS: func(conf *kuboconfig.Config) error {
			conf.Addresses.Swarm = []string{"/ip4/127.0.0.1/tcp/0"}
			return nil
		},
	}
}

// fixedPlaces are addresses that are always the same.
type fixedPlaces []string

func (f fixedPlaces) Addrs(context.Context) ([]string, error) { return f, nil }

// running is a peer at work.
type running struct {
	*Peer
	t      testing.TB
	cancel context.CancelFunc
	served chan error
	ended  bool
}

// startPeer opens a peer and sets it to work; it ends with the test, if stop has not ended it before.
func startPeer(t testing.TB, o Options) *running {
	t.Helper()
	p, err := Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open peer: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Peer: p, t: t, cancel: cancel, served: make(chan error, 1)}
	go func() { r.served <- p.Serve(ctx) }()
	t.Cleanup(r.stop)
	return r
}

// stop ends the peer and checks that it ends well, and in time.
func (r *running) stop() {
	r.t.Helper()
	if r.ended {
		return
	}
	r.ended = true
	began := time.Now()
	r.cancel()
	if err := <-r.served; err != nil {
		r.t.Errorf("serve: %v", err)
	}
	if err := r.Close(); err != nil {
		r.t.Errorf("close peer: %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		r.t.Errorf("stopping took %s", took)
	}
}

func (r *running) awaitReady() {
	r.t.Helper()
	eventually(r.t, "the peer is ready", func() bool { return r.Ready() == nil })
}

// tree is a root with a leaf, which differs from those of other names.
func tree(t testing.TB, name string) (root, leaf *merkledag.ProtoNode) {
	t.Helper()
	root, leaf = merkledag.NodeWithData([]byte(name)), merkledag.NodeWithData([]byte(name+" leaf"))
	if err := root.AddNodeLink("leaf", leaf); err != nil {
		t.Fatal(err)
	}
	return root, leaf
}

// addTree stores a tree on the peer's node.
func (r *running) addTree(name string) (root, leaf *merkledag.ProtoNode) {
	r.t.Helper()
	root, leaf = tree(r.t, name)
	for _, n := range []*merkledag.ProtoNode{root, leaf} {
		if err := r.Node().DAG.Add(r.t.Context(), n); err != nil {
			r.t.Fatalf("store block: %v", err)
		}
	}
	return root, leaf
}
