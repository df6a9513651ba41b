package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/boxo/files"
	"github.com/ipfs/boxo/path"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	"github.com/ipfs/kubo/config"
	"github.com/ipfs/kubo/core"
	"github.com/ipfs/kubo/core/coreapi"
	"github.com/ipfs/kubo/core/coreiface/options"
	"github.com/ipfs/kubo/core/node/libp2p"
	"github.com/ipfs/kubo/repo"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/internal/testkit"
)

// newNode opens a real kubo node on a store in memory. An online one listens on loopback and knows nobody.
func newNode(t testing.TB, online bool, edit func(*config.Config)) *core.IpfsNode {
	t.Helper()
	identity, err := config.CreateIdentity(io.Discard, []options.KeyGenerateOption{options.Key.Type(options.Ed25519Key)})
	if err != nil {
		t.Fatalf("make identity: %v", err)
	}
	cfg := config.Config{Identity: identity}
	cfg.Addresses.Swarm = []string{"/ip4/127.0.0.1/tcp/0"}
	cfg.Swarm.DisableNatPortMap = true
	cfg.AutoTLS.Enabled = config.False
	if edit != nil {
		edit(&cfg)
	}
	build := &core.BuildCfg{Repo: &repo.Mock{C: cfg, D: dssync.MutexWrap(datastore.NewMapDatastore())}}
	if online {
		build.Online = true
		build.Routing = libp2p.NilRouterOption
	}
	node, err := core.NewNode(context.Background(), build)
	if err != nil {
		t.Fatalf("open node: %v", err)
	}
	t.Cleanup(func() {
		if err := node.Close(); err != nil {
			t.Errorf("close node: %v", err)
		}
	})
	return node
}

// connect joins two online nodes.
func connect(t *testing.T, a, b *core.IpfsNode) {
	t.Helper()
	if err := a.PeerHost.Connect(t.Context(), peer.AddrInfo{ID: b.Identity, Addrs: b.PeerHost.Addrs()}); err != nil {
		t.Fatalf("connect peers: %v", err)
	}
}

// add stores a file tree and returns its path.
func add(t testing.TB, node *core.IpfsNode, f files.Node) path.ImmutablePath {
	t.Helper()
	api, err := coreapi.NewCoreAPI(node)
	if err != nil {
		t.Fatalf("open core API: %v", err)
	}
	p, err := api.Unixfs().Add(t.Context(), f, options.Unixfs.CidVersion(1))
	if err != nil {
		t.Fatalf("add content: %v", err)
	}
	return p
}

// running is a gateway that serves, and the end of it.
type running struct {
	*Gateway
	url    string
	cancel context.CancelFunc
	done   chan error
}

func start(t *testing.T, o Options) *running {
	t.Helper()
	g, err := Open(o, listenLoopback(t))
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Gateway: g, url: "http://" + g.Addr().String(), cancel: cancel, done: make(chan error, 1)}
	go func() { r.done <- g.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := g.Close(); err != nil {
			t.Errorf("close gateway: %v", err)
		}
	})
	return r
}

func (r *running) ended(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.done:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("Serve does not return")
		return nil
	}
}

// reply is a response with its body read.
type reply struct {
	*http.Response
	body []byte
}

// ask sends one request without following redirects; header pairs follow the URL, "Host" among them.
func ask(t *testing.T, method, url string, header ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatalf("make request: %v", err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("read %s: %v", url, err)
	}
	return reply{res, body}
}

// eventually polls until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	testkit.Eventually(t, 10*time.Second, what, ok)
}

func refused(addr net.Addr) bool {
	c, err := net.DialTimeout("tcp", addr.String(), time.Second)
	if err != nil {
		return !errors.Is(err, context.DeadlineExceeded)
	}
	c.Close()
	return false
}

// noise is n bytes that differ in every block, the same in every run.
func noise(n int) []byte {
	var seed [32]byte
	b := make([]byte, n)
	rand.NewChaCha8(seed).Read(b)
	return b
}

// site is a directory tree with a page, a picture, a large file, and a directory without an index.
func site() (files.Node, map[string][]byte) {
	png := append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte{0, 1, 2, 3}, 500)...)
	content := map[string][]byte{
		"index.html":      []byte("<html><body>front page</body></html>"),
		"docs/a note.txt": []byte("a note\n"),
		"docs/pixel.png":  png,
		"large.bin":       noise(3 << 20),
	}
	return files.NewMapDirectory(map[string]files.Node{
		"index.html": files.NewBytesFile(content["index.html"]),
		"large.bin":  files.NewBytesFile(content["large.bin"]),
		"docs": files.NewMapDirectory(map[string]files.Node{
			"a note.txt": files.NewBytesFile(content["docs/a note.txt"]),
			"pixel.png":  files.NewBytesFile(png),
		}),
	}), content
}

func listenLoopback(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// converse sends bytes on one connection and reads one answer for each request among them.
func converse(t *testing.T, address, requests string) (answers []reply) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, requests); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	for range strings.Count(requests, " HTTP/1.1\r\n") {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, reply{resp, body})
	}
	return answers
}

// prefixes parses prefixes.
func prefixes(t *testing.T, list ...string) (found []netip.Prefix) {
	t.Helper()
	for _, text := range list {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, p)
	}
	return found
}
