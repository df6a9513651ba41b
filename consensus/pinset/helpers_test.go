package pinset

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus/internal/pintest"
)

func TestMain(m *testing.M) { pintest.VerifyNoLeaks(m) }

func testCid(n int) api.Cid { return pintest.Cid(n) }

func testPeer(n int) peer.ID { return pintest.Peer(n) }

func fullPin(t testing.TB) api.Pin { return pintest.Full(t) }

func plainPin(n int) api.Pin { return pintest.Plain(n) }

func listPins(t testing.TB, s pintest.Lister) []api.Pin { return pintest.List(t, s) }

// testMachine opens a machine in dir whose failures fail the test.
func testMachine(t testing.TB, dir string) *Machine {
	t.Helper()
	fatal := func(err error) { t.Errorf("fatal: %v", err) }
	return testMachineFatal(t, dir, fatal)
}

func testMachineFatal(t testing.TB, dir string, fatal func(error)) *Machine {
	t.Helper()
	m, err := Open(Options{
		Dir: filepath.Join(dir, "state"), Scratch: filepath.Join(dir, "restore"), CacheBytes: 1 << 20,
		Logger: testLogger(t), Fatal: fatal,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !m.closed && m.broken == nil {
			if _, bench := t.(*testing.B); !bench {
				verify(context.Background(), t, m)
			}
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func testLogger(testing.TB) *slog.Logger { return pintest.Logger() }

// dump returns the whole state, byte for byte.
func dump(t testing.TB, s *Store) map[string]string {
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
