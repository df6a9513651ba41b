package names

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/boxo/ipns"
	"github.com/ipfs/boxo/namesys"
	"github.com/ipfs/boxo/path"
	"github.com/libp2p/go-libp2p/core/routing"

	"github.com/underlay/underlay/consensus"
)

// wantResolved checks what a path leads to, with the node's name system, which has a cache, and without.
func wantResolved(t testing.TB, n *Names, from, to path.Path) {
	t.Helper()
	got, err := n.Node().Namesys.Resolve(t.Context(), from)
	if err != nil || got.Path.String() != to.String() {
		t.Errorf("%s leads to %v, %v, want %s", from, got.Path, err, to)
	}
}

// Whoever publishes, the number of the record rises by one for each new value, and all peers know it at once.
func TestPublishFromTwoPeers(t *testing.T) {
	s := newState(t)
	peers := []*Names{newNames(t, s, never), newNames(t, s, never)}
	key, name := newKey(t)
	for i := range 20 {
		value := newPath(t, fmt.Sprint("value ", i))
		if err := peers[i%2].Node().Namesys.Publish(t.Context(), key, value, namesys.PublishWithTTL(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if n := sequence(t, s.record(t, name)); n != uint64(i) {
			t.Fatalf("publication %d has the number %d", i, n)
		}
		for _, p := range peers {
			wantResolved(t, p, name.AsPath(), value)
		}
	}
	err := peers[0].Node().Namesys.Publish(t.Context(), key, newPath(t, "old"), namesys.PublishWithSequence(3))
	if !errors.Is(err, namesys.ErrInvalidSequence) {
		t.Errorf("a number that is too low: %v", err)
	}
}

// Publications at the same time, on two peers, each get a number of their own.
func TestPublishAtOnce(t *testing.T) {
	s := newState(t)
	peers := []*Names{newNames(t, s, never), newNames(t, s, never)}
	key, name := newKey(t)
	const n = 40
	var publishing sync.WaitGroup
	for i := range n {
		value := newPath(t, fmt.Sprint("value ", i))
		publishing.Go(func() {
			if err := peers[i%2].Node().Namesys.Publish(t.Context(), key, value); err != nil {
				t.Error(err)
			}
		})
	}
	publishing.Wait()
	if got := sequence(t, s.record(t, name)); got != n-1 {
		t.Errorf("after %d publications of different values the number is %d", n, got)
	}
}

// A name leads to a name, as far as the caller wants to go.
func TestResolveStepByStep(t *testing.T) {
	s := newState(t)
	n := newNames(t, s, never)
	names := n.Node().Namesys
	first, firstName := newKey(t)
	second, secondName := newKey(t)
	value := newPath(t, "content")
	if err := names.Publish(t.Context(), first, value); err != nil {
		t.Fatal(err)
	}
	if err := names.Publish(t.Context(), second, pathOf(t, firstName, "a")); err != nil {
		t.Fatal(err)
	}
	whole, err := path.Join(value, "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	wantResolved(t, n, pathOf(t, secondName, "b"), whole)
	wantResolved(t, n, whole, whole)
	got, err := names.Resolve(t.Context(), pathOf(t, secondName, "b"), namesys.ResolveWithDepth(1))
	if !errors.Is(err, namesys.ErrResolveRecursion) || got.Path.String() != pathOf(t, firstName, "a", "b").String() {
		t.Errorf("one step leads to %v, %v", got.Path, err)
	}
	if err := names.Publish(t.Context(), first, secondName.AsPath()); err != nil {
		t.Fatal(err)
	}
	if got, err := names.Resolve(t.Context(), firstName.AsPath()); !errors.Is(err, namesys.ErrResolveRecursion) {
		t.Errorf("a circle leads to %v, %v", got.Path, err)
	}
}

// A domain that leads to a name of the cluster leads to its new value at once, although both may be remembered for long.
func TestDomainLeadsToName(t *testing.T) {
	s := newState(t)
	key, name := newKey(t)
	t.Setenv("IPFS_NS_MAP", "example.org:/ipns/"+name.String()) // boxo asks no server then
	domain, err := path.NewPath("/ipns/example.org")
	if err != nil {
		t.Fatal(err)
	}
	peers := []*Names{newNames(t, s, never), newNames(t, s, never)}
	for i := range 4 {
		value := newPath(t, fmt.Sprint("value ", i))
		if err := peers[i%2].Node().Namesys.Publish(t.Context(), key, value, namesys.PublishWithTTL(time.Hour)); err != nil {
			t.Fatal(err)
		}
		for _, p := range peers {
			wantResolved(t, p, domain, value)
		}
	}
}

// leaderless is a state that no leader answers for.
type leaderless struct{ State }

func (leaderless) Barrier(ctx context.Context) error {
	if consensus.IsStale(ctx) {
		return nil
	}
	return consensus.ErrNoLeader
}

// Without a leader nobody gets an old value who did not say that it may be old. Names of strangers are looked for elsewhere.
func TestResolveWithoutLeader(t *testing.T) {
	s := newState(t)
	key, name := newKey(t)
	value := newPath(t, "content")
	if err := newNames(t, s, never).Node().Namesys.Publish(t.Context(), key, value); err != nil {
		t.Fatal(err)
	}
	names := newNames(t, shared{leaderless{s.State}, s.keys}, never).Node().Namesys
	if got, err := names.Resolve(t.Context(), name.AsPath()); !errors.Is(err, consensus.ErrNoLeader) {
		t.Errorf("without a leader the name leads to %v, %v", got.Path, err)
	}
	got, err := names.Resolve(consensus.WithStale(t.Context()), name.AsPath())
	if err != nil || got.Path.String() != value.String() {
		t.Errorf("what may be old leads to %v, %v", got.Path, err)
	}
	_, stranger := newKey(t)
	if _, err := names.Resolve(t.Context(), stranger.AsPath()); errors.Is(err, consensus.ErrNoLeader) || err == nil {
		t.Errorf("the name of a stranger: %v", err)
	}
}

// A record that a client puts through one peer is found through the other, and gives way to a newer one only.
func TestPutRecord(t *testing.T) {
	s := newState(t)
	a, b := newNames(t, s, never), newNames(t, s, never)
	key, name := newKey(t)
	records := make([][]byte, 3)
	for i := range records {
		rec, err := ipns.NewRecord(key, newPath(t, fmt.Sprint(i)), uint64(i), time.Now().Add(time.Hour), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if records[i], err = ipns.MarshalRecord(rec); err != nil {
			t.Fatal(err)
		}
	}
	routingKey := string(name.RoutingKey())
	for _, put := range []struct{ record, want int }{{1, 1}, {0, 1}, {2, 2}} {
		_ = a.Node().Routing.PutValue(t.Context(), routingKey, records[put.record]) // alone, it reaches nobody else
		got, err := b.Node().Routing.GetValue(t.Context(), routingKey)
		if err != nil || string(got) != string(records[put.want]) {
			t.Errorf("after record %d there is not record %d: %v", put.record, put.want, err)
		}
		wantResolved(t, newNames(t, s, never), name.AsPath(), newPath(t, fmt.Sprint(put.want)))
	}
	_, other := newKey(t)
	_ = a.Node().Routing.PutValue(t.Context(), string(other.RoutingKey()), records[2])
	if _, err := b.Node().Routing.GetValue(t.Context(), string(other.RoutingKey())); err == nil {
		t.Error("a record is taken for a name that it is not signed for")
	}
	if _, err := s.Value(t.Context(), published+name.String()); err == nil {
		t.Error("a record that was put counts as published")
	}
	// Published with the same key, the number goes on.
	if err := b.Node().Namesys.Publish(t.Context(), key, newPath(t, "3")); err != nil {
		t.Fatal(err)
	}
	if n := sequence(t, s.record(t, name)); n != 3 {
		t.Errorf("after a record with the number 2, the published one has %d", n)
	}
}

// What the public may reach stores nothing in the state of the cluster.
func TestPublicNodeStoresNothing(t *testing.T) {
	s := newState(t)
	n := newNames(t, s, never)
	key, name := newKey(t)
	rec, err := ipns.NewRecord(key, newPath(t, "content"), 1, time.Now().Add(time.Hour), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := ipns.MarshalRecord(rec)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []struct {
		routing routing.ValueStore
		want    int
	}{{n.PublicNode().Routing, 0}, {n.Node().Routing, 1}} {
		_ = to.routing.PutValue(t.Context(), string(name.RoutingKey()), raw) // alone, it reaches nobody else
		if values, err := s.Values(t.Context(), stored); err != nil || len(values) != to.want {
			t.Errorf("%d records are stored, %v, want %d", len(values), err, to.want)
		}
	}
}
