package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/ipfs/kubo/core"

	kuboconfig "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/internal/testkit"
	"github.com/underlay/underlay/peer/ipfs"
)

// patience bounds what the tests wait for; it is long, so that a loaded machine does not fail them.
const patience = 20 * time.Second

// mapPinset is a pinset in a map, with the promises of the real one: pins are fetched before they are committed, and
// what is acknowledged shows at once.
type mapPinset struct {
	dag ipld.DAGService

	mu    sync.Mutex
	pins  map[cid.Cid]api.Pin
	await func(context.Context) error // what the answer to a pin waits for
	early error                       // what every call fails with
	slow  time.Duration               // how long a fetch takes
	holds func(cid.Cid) func()        // keeps blocks on the node
}

func newMapPinset(dag ipld.DAGService) *mapPinset {
	return &mapPinset{dag: dag, pins: make(map[cid.Cid]api.Pin), await: func(context.Context) error { return nil }}
}

// behave changes how the pinset answers.
func (s *mapPinset) behave(change func(*mapPinset)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *mapPinset) failure(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.early, ctx.Err())
}

func (s *mapPinset) State(ctx context.Context) (state.ReadOnly, error) {
	if err := s.failure(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *mapPinset) Pin(ctx context.Context, c cid.Cid, mode api.PinMode, name string, fetch bool) (func(context.Context) error, error) {
	if err := s.failure(ctx); err != nil {
		return nil, err
	}
	if fetch && s.slow > 0 {
		<-time.After(s.slow)
	}
	if fetch && mode == api.PinModeRecursive {
		if err := merkledag.FetchGraph(ctx, c, s.dag); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pins[c] = api.PinWithOpts(api.NewCid(c), api.PinOptions{Name: name, Mode: mode})
	return s.await, nil
}

func (s *mapPinset) Update(ctx context.Context, from, to cid.Cid, unpin bool) (func(context.Context) error, error) {
	if err := s.failure(ctx); err != nil {
		return nil, err
	}
	if err := merkledag.FetchGraph(ctx, to, s.dag); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	pin := s.pins[from]
	pin.Cid = api.NewCid(to)
	s.pins[to] = pin
	if unpin {
		delete(s.pins, from)
	}
	return s.await, nil
}

func (s *mapPinset) Unpin(ctx context.Context, c cid.Cid) error {
	if err := s.failure(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.pins[c]; !ok {
		return state.ErrNotFound
	}
	delete(s.pins, c)
	return nil
}

func (s *mapPinset) Hold(c cid.Cid) (release func()) { return s.holds(c) }

func (s *mapPinset) Get(_ context.Context, c api.Cid) (api.Pin, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, ok := s.pins[c.Cid]; ok {
		return p, nil
	}
	return api.Pin{}, state.ErrNotFound
}

func (s *mapPinset) Has(_ context.Context, c api.Cid) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.pins[c.Cid]
	return ok, nil
}

func (s *mapPinset) List(ctx context.Context, out chan<- api.Pin) error {
	defer close(out)
	for _, p := range s.all() {
		select {
		case out <- p:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (s *mapPinset) all() (pins []api.Pin) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pins {
		pins = append(pins, p)
	}
	return pins
}

// branch makes a node with data and links to others.
func branch(t testing.TB, data string, children ...ipld.Node) *merkledag.ProtoNode {
	t.Helper()
	n := merkledag.NodeWithData([]byte(data))
	for _, child := range children {
		if err := n.AddNodeLink(child.Cid().String(), child); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// newNode opens a real node, off every network. dir is its repository.
func newNode(t testing.TB) (node *core.IpfsNode, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "ipfs")
	node, err := ipfs.Open(context.Background(), ipfs.Options{
		Dir: dir, CloseTimeout: 10 * time.Second,
		Configure: func(conf *kuboconfig.Config) error {
			conf.Addresses.Swarm = []string{"/ip4/127.0.0.1/tcp/0"}
			return nil
		},
	})
	if err != nil {
		t.Fatalf("open node: %v", err)
	}
	t.Cleanup(func() {
		if err := ipfs.Close(node); err != nil {
			t.Errorf("close node: %v", err)
		}
	})
	return node, dir
}

// serving is a server at work.
type serving struct {
	url  string
	addr string
}

func serve(t testing.TB, l net.Listener, handler http.Handler, grace time.Duration) *serving {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &serving{url: "http://" + l.Addr().String(), addr: l.Addr().String()}
	server := NewServer(l, nil, handler, grace, slog.New(slog.DiscardHandler))
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		if err := server.Serve(ctx); err != nil {
			t.Errorf("serve: %v", err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-stopped
	})
	return s
}

func listenLoopback(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// reply is a response with its body read, so that its trailers are there.
type reply struct {
	*http.Response
	body string
}

// ask sends one request on a connection of its own; pairs of header names and values follow the body.
func ask(t testing.TB, method, target string, body io.Reader, header ...string) reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		t.Fatalf("make request: %v", err)
	}
	for pair := range slices.Chunk(header, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("read the answer to %s %s: %v", method, target, err)
	}
	return reply{res, string(data)}
}

// decode reads the answer's JSON.
func (r reply) decode(t testing.TB, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), into); err != nil {
		t.Fatalf("decode %q: %v", r.body, err)
	}
}

// eventually polls until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	testkit.Eventually(t, patience, what, ok)
}

// command is the URL of an RPC command with its arguments, and options as pairs of name and value.
func (s *serving) command(name string, args []string, options ...string) string {
	query := url.Values{"arg": args}
	for pair := range slices.Chunk(options, 2) {
		query.Add(pair[0], pair[1])
	}
	return s.url + "/api/v0/" + name + "?" + query.Encode()
}
