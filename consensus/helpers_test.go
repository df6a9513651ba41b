package consensus

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Started by imported packages when the program starts.
		goleak.IgnoreTopFunction("github.com/ipfs/go-log/writer.(*MirrorWriter).logRoutine"),
		goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start"),
	)
}

func testHash(s string) multihash.Multihash {
	h, err := multihash.Sum([]byte(s), multihash.SHA2_256, -1)
	if err != nil {
		panic(err)
	}
	return h
}

func testCid(n int) api.Cid {
	return api.NewCid(cid.NewCidV1(cid.Raw, testHash(fmt.Sprintf("block %d", n))))
}

func testPeer(n int) peer.ID { return peer.ID(testHash(fmt.Sprintf("peer %d", n))) }

func mustOrigin(t testing.TB, s string) api.Multiaddr {
	t.Helper()
	a, err := api.NewMultiaddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// fullPin sets every field of a pin to something that is not its zero value.
func fullPin(t testing.TB) api.Pin {
	ref := testCid(1001)
	return api.Pin{
		PinOptions: api.PinOptions{
			ReplicationFactorMin: 2,
			ReplicationFactorMax: 3,
			Name:                 "a näme",
			Mode:                 api.PinModeDirect,
			ShardSize:            77,
			UserAllocations:      []peer.ID{testPeer(3), testPeer(1)},
			ExpireAt:             time.Unix(2_000_000_000, 0).UTC(),
			Metadata:             map[string]string{"k": "v", "": "empty", "z": ""},
			PinUpdate:            testCid(1002),
			Origins:              []api.Multiaddr{mustOrigin(t, "/ip4/1.2.3.4/tcp/4001/p2p/"+testPeer(9).String())},
		},
		Cid:         testCid(1000),
		Type:        api.MetaType,
		Allocations: []peer.ID{testPeer(2), testPeer(1)},
		MaxDepth:    0,
		Reference:   &ref,
		Timestamp:   time.Unix(1_700_000_000, 0).UTC(),
	}
}

// plainPin sets nothing that a neighbour in the log could leak into unnoticed.
func plainPin(n int) api.Pin {
	p := api.PinWithOpts(testCid(n), api.PinOptions{ReplicationFactorMin: -1, ReplicationFactorMax: -1})
	p.Timestamp = time.Unix(1_700_000_000, 0).UTC()
	return p
}

// testMachine opens a machine in dir whose failures fail the test.
func testMachine(t testing.TB, dir string) *machine {
	t.Helper()
	fatal := func(err error) { t.Errorf("fatal: %v", err) }
	return testMachineFatal(t, dir, fatal)
}

func testMachineFatal(t testing.TB, dir string, fatal func(error)) *machine {
	t.Helper()
	s, err := openStore(filepath.Join(dir, stateDir), 1<<20, testLogger(t), fatal)
	if err != nil {
		t.Fatal(err)
	}
	m, err := newMachine(s, filepath.Join(dir, restoreDir), fatal)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// testLogger shows log lines of a level that matters only when asked to.
func testLogger(testing.TB) *slog.Logger {
	level := slog.LevelError + 4
	if os.Getenv("TEST_LOG") != "" {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

// dump returns the whole state, byte for byte.
func dump(t testing.TB, s *store) map[string]string {
	t.Helper()
	it, err := s.db.NewIter(&pebble.IterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for it.First(); it.Valid(); it.Next() {
		all[string(it.Key())] = string(it.Value())
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

// listPins returns all pins in order.
func listPins(t testing.TB, s interface {
	List(context.Context, chan<- api.Pin) error
}) []api.Pin {
	t.Helper()
	out := make(chan api.Pin)
	errs := make(chan error, 1)
	go func() { errs <- s.List(t.Context(), out) }()
	var pins []api.Pin
	for p := range out {
		pins = append(pins, p)
	}
	if err := <-errs; err != nil {
		t.Fatal(err)
	}
	return pins
}

// golden compares got with a file of testdata, or writes it when UPDATE_GOLDEN
// is set. Old files must stay readable: a change of format needs a new version.
func golden(t testing.TB, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(got) {
		t.Errorf("%s: got %x, want %x", name, got, want)
	}
}
