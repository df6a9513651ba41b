package settings

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/state"
	serialize "github.com/ipfs/kubo/config/serialize"
	"github.com/ipfs/kubo/core/coreiface/options"
	"github.com/ipfs/kubo/repo"
	"github.com/ipfs/kubo/repo/fsrepo"

	kuboconfig "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/seal"
)

func testSealer(t testing.TB) *seal.Sealer {
	t.Helper()
	s, err := seal.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fakeCluster holds values as the consensus does, with its conditions.
type fakeCluster struct {
	mu     sync.Mutex
	index  uint64
	values map[string]consensus.Value
	grew   chan struct{}
	fault  error  // of every call
	before func() // called before each commit
}

func newFakeCluster() *fakeCluster {
	return &fakeCluster{values: make(map[string]consensus.Value), grew: make(chan struct{})}
}

func (c *fakeCluster) list() []consensus.Value {
	c.mu.Lock()
	defer c.mu.Unlock()
	var values []consensus.Value
	for _, key := range slices.Sorted(maps.Keys(c.values)) {
		values = append(values, c.values[key])
	}
	return values
}

func (c *fakeCluster) breakWith(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = err
}

func (c *fakeCluster) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fault
}

func (c *fakeCluster) Ready(context.Context) <-chan struct{} {
	ready := make(chan struct{})
	close(ready)
	return ready
}

func (c *fakeCluster) Value(_ context.Context, key string) (consensus.Value, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.values[key]
	if !ok {
		return v, state.ErrNotFound
	}
	return v, c.fault
}

func (c *fakeCluster) Values(_ context.Context, prefix string) ([]consensus.Value, error) {
	values := c.list()
	return slices.DeleteFunc(values, func(v consensus.Value) bool { return !strings.HasPrefix(v.Key, prefix) }), c.failure()
}

func (c *fakeCluster) NextValues(ctx context.Context, _ string, seen uint64) (uint64, error) {
	for {
		c.mu.Lock()
		index, grew := c.index, c.grew
		c.mu.Unlock()
		if index > seen {
			return index, nil
		}
		select {
		case <-grew:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// CommitAtomic knows one condition, on the first operation.
func (c *fakeCluster) CommitAtomic(_ context.Context, ops ...consensus.Op) (consensus.Commit, error) {
	if c.before != nil {
		c.before()
	}
	if err := c.failure(); err != nil {
		return consensus.Commit{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	done := consensus.Commit{Errs: make([]error, len(ops))}
	was := c.values[versionKey].Revision
	want := consensus.SetValueOp(versionKey, nil).IfRevision(was)
	if !reflect.DeepEqual(ops[0], want) {
		done.Errs[0] = consensus.ErrConflict
		return done, nil
	}
	c.index++
	for _, op := range ops {
		if op.Kind == consensus.OpDelValue {
			delete(c.values, op.Value.Key)
			continue
		}
		v := op.Value
		v.Revision = c.index
		c.values[v.Key] = v
	}
	close(c.grew)
	c.grew = make(chan struct{})
	return done, nil
}

// peerRig is the settings of a peer with a repository, in a cluster.
type peerRig struct {
	*Settings
	t    testing.TB
	dir  string
	log  bytes.Buffer
	conf *kuboconfig.Config // the default one
}

func newPeer(t testing.TB, cluster Cluster, dir string, own func(*kuboconfig.Config) error) *peerRig {
	t.Helper()
	identity, err := kuboconfig.CreateIdentity(io.Discard, []options.KeyGenerateOption{options.Key.Type(options.Ed25519Key)})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	r := &peerRig{t: t, dir: dir}
	if r.conf, err = kuboconfig.InitWithIdentity(identity); err != nil {
		t.Fatal(err)
	}
	r.conf.Datastore.Spec = map[string]any{"type": "measure"}
	local := OpenLocal(LocalOptions{
		File: filepath.Join(dir, "settings.json"), Public: true, Own: own, Sealer: testSealer(t),
		Write:  func(file string, data []byte) error { return os.WriteFile(file, data, 0o600) },
		Logger: slog.New(slog.NewTextHandler(&r.log, nil)),
	})
	tree, err := local.Arrange(r.conf)
	if err != nil {
		t.Fatal(err)
	}
	r.write(tree)
	r.Settings = New(Options{
		Local: local, Cluster: cluster, Scratch: filepath.Join(dir, "scratch"),
		Write: func(tree map[string]any) error { r.write(tree); return nil },
	})
	return r
}

func (r *peerRig) file() string { return filepath.Join(r.dir, "config") }

func (r *peerRig) write(tree map[string]any) {
	r.t.Helper()
	if err := serialize.WriteConfigFile(r.file(), tree); err != nil {
		r.t.Fatal(err)
	}
}

// read returns what the node's configuration has at a path.
func (r *peerRig) read(path ...string) any {
	r.t.Helper()
	var tree Tree
	if err := serialize.ReadConfigFile(r.file(), &tree); err != nil {
		r.t.Fatal(err)
	}
	value, _ := lookup(tree, path)
	return value
}

// set is what `config KEY VALUE` does.
func (r *peerRig) set(key string, value any) error {
	_, err := r.Change(r.t.Context(), onRepo(r.t, func(repo repo.Repo) error { return repo.SetConfigKey(key, value) }))
	return err
}

// onRepo runs f as a command does.
func onRepo(t testing.TB, f func(repo.Repo) error) func(string) bool {
	return func(dir string) bool {
		r, err := fsrepo.Open(dir)
		if err != nil {
			t.Errorf("open scratch repository: %v", err)
			return false
		}
		defer r.Close()
		return f(r) == nil
	}
}
