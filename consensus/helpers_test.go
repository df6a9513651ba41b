package consensus

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/underlay/underlay/consensus/internal/pintest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Left behind by Pebble when it refuses to open damaged files.
	pintest.VerifyNoLeaks(m, goleak.IgnoreAnyFunction("github.com/cockroachdb/pebble/v2/vfs.(*diskHealthCheckingFS).startTickerLocked.func1"))
}

func testCid(n int) api.Cid { return pintest.Cid(n) }

func testPeer(n int) peer.ID { return pintest.Peer(n) }

func fullPin(t testing.TB) api.Pin { return pintest.Full(t) }

func plainPin(n int) api.Pin { return pintest.Plain(n) }

func listPins(t testing.TB, s pintest.Lister) []api.Pin { return pintest.List(t, s) }

func testLogger(testing.TB) *slog.Logger { return pintest.Logger() }

// dump returns the whole state, byte for byte.
func dump(t testing.TB, c *Consensus) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.machine.Backup(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func isNotFound(errs []error) []bool {
	var b []bool
	for _, err := range errs {
		b = append(b, errors.Is(err, state.ErrNotFound))
	}
	return b
}
