package rpc

import (
	"context"
	"errors"
	"path/filepath"
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
	"github.com/underlay/underlay/proxy/proxytest"
)

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

// eventually polls until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	testkit.Eventually(t, proxytest.Patience, what, ok)
}
