package names

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs/boxo/namesys"
	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/ipfs-cluster/ipfs-cluster/state"

	"github.com/underlay/underlay/internal/testkit"
)

// serve lets names live on until the test ends.
func serve(t testing.TB, n *Names) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve names: %v", err)
		}
	})
}

// quick shortens the time between publications below what the settings allow.
func (n *Names) quick(lifetime time.Duration) *Names {
	n.period, n.lifetime = 20*time.Millisecond, lifetime
	return n
}

// The leader gives records a later end; everything else in them stays, and a peer that does not lead leaves them alone. When
// the lead changes, the other goes on.
func TestLeaderPublishesAnew(t *testing.T) {
	s := newState(t)
	var leader atomic.Int32
	leads := func(n int32) func() bool { return func() bool { return leader.Load() == n } }
	peers := []*Names{newNames(t, s, leads(1)).quick(time.Hour), newNames(t, s, leads(2)).quick(2 * time.Hour)}
	ring, err := s.keys.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	named, name := newKey(t)
	if err := ring.Put("name", named); err != nil {
		t.Fatal(err)
	}
	value := newPath(t, "content")
	for _, key := range []crypto.PrivKey{ring.Self, named} {
		err := peers[0].Node().Namesys.Publish(t.Context(), key, value, namesys.PublishWithEOL(time.Now().Add(time.Minute)),
			namesys.PublishWithTTL(7*time.Second), namesys.PublishWithSequence(4))
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range peers {
		serve(t, p)
	}
	endsAfter := func(d time.Duration) func() bool {
		return func() bool { return validity(t, s.record(t, name)).After(time.Now().Add(d)) }
	}
	leader.Store(1)
	testkit.Eventually(t, patience, "the first leader gives the record an hour", endsAfter(59*time.Minute))
	if end := validity(t, s.record(t, name)); end.After(time.Now().Add(time.Hour)) {
		t.Errorf("the record ends at %s: somebody else has renewed it", end)
	}
	leader.Store(2)
	testkit.Eventually(t, patience, "the next leader gives it two", endsAfter(119*time.Minute))
	rec := s.record(t, name)
	ttl, err := rec.TTL()
	if err != nil || ttl != 7*time.Second || sequence(t, rec) != 4 {
		t.Errorf("the renewed record has number %d and is for %s, %v", sequence(t, rec), ttl, err)
	}
	wantResolved(t, peers[0], name.AsPath(), value)
}

// What is published while the leader renews the record before is not overwritten by that.
func TestPublishBetweenRenewals(t *testing.T) {
	s := newState(t)
	n := newNames(t, s, always).quick(time.Hour)
	ring, err := s.keys.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	key, name := newKey(t)
	if err := ring.Put("name", key); err != nil {
		t.Fatal(err)
	}
	serve(t, n)
	for i := range 50 {
		value := newPath(t, string(rune('a'+i)))
		if err := n.Node().Namesys.Publish(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
		wantResolved(t, n, name.AsPath(), value)
		if got := sequence(t, s.record(t, name)); got != uint64(i) {
			t.Fatalf("publication %d has the number %d", i, got)
		}
	}
}

// A record whose key is gone is not renewed: it becomes one among others, and goes when it has ended.
func TestRecordWithoutKeyEnds(t *testing.T) {
	s := newState(t)
	n := newNames(t, s, always).quick(time.Hour)
	key, name := newKey(t)
	if err := n.Node().Namesys.Publish(t.Context(), key, newPath(t, "content"), namesys.PublishWithEOL(time.Now().Add(3*time.Second))); err != nil {
		t.Fatal(err)
	}
	serve(t, n)
	has := func(key string) bool {
		_, err := s.Value(t.Context(), key)
		if err != nil && !errors.Is(err, state.ErrNotFound) {
			t.Fatal(err)
		}
		return err == nil
	}
	testkit.Eventually(t, patience, "the record is no longer published", func() bool { return !has(published + name.String()) })
	if !has(stored + name.String()) {
		t.Error("the record is gone before its end")
	}
	testkit.Eventually(t, patience, "the record is gone", func() bool { return !has(stored + name.String()) })
}
