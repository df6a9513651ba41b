// Package pintest has what the tests of the packages around it share: pins, a logger, a look for what is left running.
package pintest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"
	"go.uber.org/goleak"
)

func hash(s string) multihash.Multihash {
	h, err := multihash.Sum([]byte(s), multihash.SHA2_256, -1)
	if err != nil {
		panic(err)
	}
	return h
}

// Cid returns the n-th CID.
func Cid(n int) api.Cid {
	return api.NewCid(cid.NewCidV1(cid.Raw, hash(fmt.Sprintf("block %d", n))))
}

// Peer returns the n-th peer ID.
func Peer(n int) peer.ID { return peer.ID(hash(fmt.Sprintf("peer %d", n))) }

func mustOrigin(t testing.TB, s string) api.Multiaddr {
	t.Helper()
	a, err := api.NewMultiaddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Full sets every field of a pin to something that is not its zero value.
func Full(t testing.TB) api.Pin {
	ref := Cid(1001)
	return api.Pin{
		PinOptions: api.PinOptions{
			ReplicationFactorMin: 2,
			ReplicationFactorMax: 3,
			Name:                 "a näme",
			Mode:                 api.PinModeDirect,
			ShardSize:            77,
			UserAllocations:      []peer.ID{Peer(3), Peer(1)},
			ExpireAt:             time.Unix(2_000_000_000, 0).UTC(),
			Metadata:             map[string]string{"k": "v", "": "empty", "z": ""},
			PinUpdate:            Cid(1002),
			Origins:              []api.Multiaddr{mustOrigin(t, "/ip4/1.2.3.4/tcp/4001/p2p/"+Peer(9).String())},
		},
		Cid:         Cid(1000),
		Type:        api.MetaType,
		Allocations: []peer.ID{Peer(2), Peer(1)},
		MaxDepth:    0,
		Reference:   &ref,
		Timestamp:   time.Unix(1_700_000_000, 0).UTC(),
	}
}

// Plain sets nothing that a neighbour in the log could leak into unnoticed.
func Plain(n int) api.Pin {
	p := api.PinWithOpts(Cid(n), api.PinOptions{ReplicationFactorMin: -1, ReplicationFactorMax: -1})
	p.Timestamp = time.Unix(1_700_000_000, 0).UTC()
	return p
}

// Logger returns a logger that is silent unless TEST_LOG is set.
func Logger() *slog.Logger {
	level := slog.LevelError + 4
	if os.Getenv("TEST_LOG") != "" {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

// VerifyNoLeaks runs the tests of a package, and fails if they leave goroutines behind, other than those that are named.
func VerifyNoLeaks(m *testing.M, but ...goleak.Option) {
	goleak.VerifyTestMain(m, append(but,
		// Started by imported packages when the program starts.
		goleak.IgnoreTopFunction("github.com/ipfs/go-log/writer.(*MirrorWriter).logRoutine"),
		goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start"),
	)...)
}

// Lister is a pinset.
type Lister interface {
	List(context.Context, chan<- api.Pin) error
}

// List returns all pins in order.
func List(t testing.TB, s Lister) []api.Pin {
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
