package names

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"testing"
	"time"

	"github.com/ipfs/boxo/ipns"
	"github.com/ipfs/boxo/path"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/internal/seal"
	"github.com/underlay/underlay/internal/testkit"
	"github.com/underlay/underlay/internal/testkit/lone"
	"github.com/underlay/underlay/peer/ipfs/ipfstest"
	"github.com/underlay/underlay/peer/keys"
)

// patience bounds what the tests wait for; it is long, so that a loaded machine does not fail them.
const patience = 20 * time.Second

// shared is the replicated state, with the keys that are in it.
type shared struct {
	State
	keys *keys.Keys
}

func newState(t testing.TB) shared {
	t.Helper()
	values := lone.Open(t, t.TempDir())
	sealer, err := seal.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return shared{values, keys.New(values, sealer)}
}

// newNames are the names on one peer, which has a real node off every network.
func newNames(t testing.TB, s shared, leads func() bool) *Names {
	t.Helper()
	node := ipfstest.New(t)
	n, err := New(Options{
		Node: node, Values: s.State, Keys: s.keys, Leads: leads, Logger: slog.New(slog.DiscardHandler),
		Note: func(_ context.Context, err error) error { return err },
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func never() bool  { return false }
func always() bool { return true }

func newKey(t testing.TB) (crypto.PrivKey, ipns.Name) {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, ipns.NameFromPeer(id)
}

// newPath is a path to content that differs with its name.
func newPath(t testing.TB, name string) path.Path {
	t.Helper()
	root, _, _ := testkit.Tree(t, name)
	return path.FromCid(root.Cid())
}

func pathOf(t testing.TB, name ipns.Name, below ...string) path.Path {
	t.Helper()
	p, err := path.Join(name.AsPath(), below...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// record is what the cluster has for a name; it must have something.
func (s shared) record(t testing.TB, name ipns.Name) *ipns.Record {
	t.Helper()
	value, err := s.Value(t.Context(), published+name.String())
	if err != nil {
		t.Fatalf("read the record of %s: %v", name, err)
	}
	rec, err := ipns.UnmarshalRecord(value.Data)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func sequence(t testing.TB, rec *ipns.Record) uint64 {
	t.Helper()
	n, err := rec.Sequence()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func validity(t testing.TB, rec *ipns.Record) time.Time {
	t.Helper()
	end, err := rec.Validity()
	if err != nil {
		t.Fatal(err)
	}
	return end
}
