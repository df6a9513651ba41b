package rpc

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/ipfs/boxo/ipld/merkledag"
	pin "github.com/ipfs/boxo/pinning/pinner"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// step is one operation on both pinners; says is a part of the error that both must give, empty for none.
type step struct {
	name string
	do   func(context.Context, pin.Pinner) error
	says string
}

func pinNode(n ipld.Node, recursive bool, name string) func(context.Context, pin.Pinner) error {
	return func(ctx context.Context, p pin.Pinner) error { return p.Pin(ctx, n, recursive, name) }
}

func pinMode(n ipld.Node, mode pin.Mode, name string) func(context.Context, pin.Pinner) error {
	return func(ctx context.Context, p pin.Pinner) error { return p.PinWithMode(ctx, n.Cid(), mode, name) }
}

func unpin(n ipld.Node, recursive bool) func(context.Context, pin.Pinner) error {
	return func(ctx context.Context, p pin.Pinner) error { return p.Unpin(ctx, n.Cid(), recursive) }
}

func update(from, to ipld.Node, unpin bool) func(context.Context, pin.Pinner) error {
	return func(ctx context.Context, p pin.Pinner) error { return p.Update(ctx, from.Cid(), to.Cid(), unpin) }
}

// TestPinnerSaysWhatBoxosSays is the promise of the cluster's pinner: whatever is done, it answers like boxo's.
func TestPinnerSaysWhatBoxosSays(t *testing.T) {
	p := newPair(t)
	leaf, shared := merkledag.NewRawNode([]byte("leaf")), branch(t, "shared")
	low := branch(t, "low", leaf, shared)
	top := branch(t, "top", low)
	beside := branch(t, "beside", shared)
	absent := branch(t, "absent")
	broken := branch(t, "broken", absent)
	fresh := branch(t, "fresh", shared)
	p.add(leaf, shared, low, top, beside, broken)
	p.know(absent, fresh)
	p.same("nothing")
	for _, s := range []step{
		{"unpin what is not pinned", unpin(top, true), "not pinned or pinned indirectly"},
		{"unpin what is not pinned, direct", unpin(top, false), "not pinned or pinned indirectly"},
		{"update from what is not pinned", update(top, low, true), "'from' cid was not recursively pinned already"},
		{"pin direct", pinMode(shared, pin.Direct, "one"), ""},
		{"pin direct again, renamed", pinMode(shared, pin.Direct, "two"), ""},
		{"update from a direct pin", update(shared, low, true), "'from' cid was not recursively pinned already"},
		{"update from a direct pin to itself", update(shared, shared, true), "'from' cid was not recursively pinned already"},
		{"direct becomes recursive", pinNode(shared, true, "three"), ""},
		{"recursive does not become direct", pinMode(shared, pin.Direct, ""), "already pinned recursively"},
		{"nor through Pin", pinNode(shared, false, ""), "already pinned recursively"},
		{"unpin recursive without recursive", unpin(shared, false), "is pinned recursively"},
		{"unpin recursive", unpin(shared, true), ""},
		{"unpin once more", unpin(shared, true), "not pinned or pinned indirectly"},
		{"pin what is not stored yet", pinNode(fresh, true, "fresh"), ""},
		{"pin recursive without a name", pinMode(top, pin.Recursive, ""), ""},
		{"pin below it, direct", pinNode(leaf, false, "leaf"), ""},
		{"unpin what is pinned indirectly", unpin(low, true), "not pinned or pinned indirectly"},
		{"update to itself", update(top, top, true), ""},
		{"update to another recursive pin", update(top, fresh, true), "'to' cid was already recursively pinned"},
		{"update, keeping the old one", update(fresh, beside, false), ""},
		{"update, removing the old one", update(fresh, low, true), ""},
		{"update from the removed one", update(fresh, shared, true), "'from' cid was not recursively pinned already"},
		{"pin a recursive pin again, renamed", pinMode(low, pin.Recursive, "renamed"), ""},
		{"unpin direct with recursive", unpin(leaf, true), ""},
		{"pin in an unknown mode", pinMode(leaf, pin.Mode(99), ""), "unrecognized pin mode"},
		{"pin indirectly", pinMode(leaf, pin.Indirect, ""), "unrecognized pin mode"},
		{"pin in any mode", pinMode(leaf, pin.Any, ""), "unrecognized pin mode"},
		{"pin with missing blocks", pinNode(broken, true, ""), absent.Cid().String()},
		{"flush", func(ctx context.Context, p pin.Pinner) error { return p.Flush(ctx) }, ""},
	} {
		said := p.both(s.name, s.do)
		if (s.says == "") != (said == "") || !strings.Contains(said, s.says) {
			t.Errorf("%s: the error is %q, want %q in it", s.name, said, s.says)
		}
		p.same(s.name)
	}
}

// TestPinnerMeetsMissingBlocks: below a recursive pin whose blocks are not all there, nothing can be said for sure. Only
// of the missing block itself does boxo's IsPinned know that it is pinned; its CheckIfPinned does not.
func TestPinnerMeetsMissingBlocks(t *testing.T) {
	p := newPair(t)
	absent, lone := branch(t, "absent"), branch(t, "lone")
	broken := branch(t, "broken", absent)
	p.add(broken, lone)
	p.both("pin", pinMode(broken, pin.Recursive, "broken"))
	p.same("pinning a root whose blocks are missing")
	for _, n := range []ipld.Node{absent, lone} {
		said := p.both("check", func(ctx context.Context, q pin.Pinner) error {
			_, err := q.CheckIfPinned(ctx, n.Cid())
			return err
		})
		if !strings.Contains(said, absent.Cid().String()) {
			t.Errorf("the error is %q, which does not name the missing block", said)
		}
	}
}

// TestPinnerSaysWhatBoxosSaysAtRandom does many operations that nobody has thought of together.
func TestPinnerSaysWhatBoxosSaysAtRandom(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			p := newPair(t)
			random := rand.New(rand.NewPCG(seed, 1))
			nodes := randomDAG(t, random, 9)
			p.add(nodes...)
			for n := range 60 {
				name, do := randomStep(p, random, nodes)
				what := fmt.Sprintf("step %d, %s", n, name)
				p.both(what, do)
				if n%6 == 5 {
					p.same(what)
				}
			}
		})
	}
}

// randomDAG makes nodes that link to some of those before them.
func randomDAG(t testing.TB, random *rand.Rand, count int) []ipld.Node {
	t.Helper()
	var nodes []ipld.Node
	for i := range count {
		var children []ipld.Node
		for _, n := range nodes {
			if random.IntN(3) == 0 {
				children = append(children, n)
			}
		}
		nodes = append(nodes, branch(t, fmt.Sprint("node ", i), children...))
	}
	return nodes
}

func randomStep(p *pair, random *rand.Rand, nodes []ipld.Node) (name string, do func(context.Context, pin.Pinner) error) {
	i, j := random.IntN(len(nodes)), random.IntN(len(nodes))
	flag, label := random.IntN(2) == 0, fmt.Sprint("name ", random.IntN(3))
	switch random.IntN(4) {
	case 0:
		return fmt.Sprintf("pin %d, recursive %t, as %s", i, flag, label), pinNode(nodes[i], flag, label)
	case 1:
		mode := pin.Mode(random.IntN(2))
		return fmt.Sprintf("pin %d in mode %d as %s", i, mode, label), pinMode(nodes[i], mode, label)
	case 2:
		if found, ok := p.pinset.pins[nodes[j].Cid()]; !ok || found.MaxDepth != 0 { // see TestUpdateToADirectPin
			return fmt.Sprintf("update %d to %d, unpin %t", i, j, flag), update(nodes[i], nodes[j], flag)
		}
	}
	return fmt.Sprintf("unpin %d, recursive %t", i, flag), unpin(nodes[i], flag)
}

// TestUpdateToADirectPin is where the pinners differ: boxo's then holds the CID both ways, the pinset has one pin of it.
func TestUpdateToADirectPin(t *testing.T) {
	p := newPair(t)
	from, to := branch(t, "from"), branch(t, "to")
	p.add(from, to)
	p.both("pin from", pinMode(from, pin.Recursive, "kept name"))
	p.both("pin to", pinMode(to, pin.Direct, "lost name"))
	p.both("update", update(from, to, true))
	found, err := p.cluster.CheckIfPinnedWithType(t.Context(), pin.Any, true, to.Cid(), from.Cid())
	if err != nil || len(found) != 2 || found[0].Mode != pin.Recursive || found[0].Name != "kept name" || found[1].Pinned() {
		t.Errorf("found %v, %v", found, err)
	}
	if direct := p.listed(p.cluster.DirectKeys(t.Context(), true), true); direct != "" {
		t.Errorf("still direct: %s", direct)
	}
}

func TestPinnerShowsOnlyPinsOfContent(t *testing.T) {
	p := newPair(t)
	content, meta := branch(t, "content"), branch(t, "meta")
	p.add(content, meta)
	p.both("pin", pinMode(content, pin.Recursive, ""))
	p.same("pinning content")
	shard := api.PinCid(api.NewCid(meta.Cid()))
	shard.Type = api.MetaType
	p.pinset.pins[meta.Cid()] = shard
	want := fmt.Sprintf("%s %q ", content.Cid(), "")
	if got := p.listed(p.cluster.RecursiveKeys(t.Context(), false), false); got != want {
		t.Errorf("listed %q, want %q", got, want)
	}
}

// TestPinnerEndsWithItsContext: nothing is done, and a stream ends with nothing but the error.
func TestPinnerEndsWithItsContext(t *testing.T) {
	p := newPair(t)
	one, two := branch(t, "one"), branch(t, "two")
	p.add(one, two)
	p.both("pin", pinMode(one, pin.Recursive, "one"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, s := range []step{
		{"pin", pinNode(two, true, ""), ""},
		{"pin direct", pinNode(two, false, ""), ""},
		{"pin with mode", pinMode(two, pin.Recursive, ""), ""},
		{"unpin", unpin(one, true), ""},
		{"update", update(one, two, true), ""},
		{"is pinned", func(ctx context.Context, q pin.Pinner) error { _, _, err := q.IsPinned(ctx, one.Cid()); return err }, ""},
		{"check", func(ctx context.Context, q pin.Pinner) error { _, err := q.CheckIfPinned(ctx, one.Cid()); return err }, ""},
	} {
		if err := s.do(ctx, p.cluster); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error is %v", s.name, err)
		}
	}
	for name, q := range map[string]pin.Pinner{"cluster": p.cluster, "boxo": p.boxo} {
		for kind, list := range map[string]<-chan pin.StreamedPin{
			"recursive": q.RecursiveKeys(ctx, true), "direct": q.DirectKeys(ctx, false), "internal": q.InternalPins(ctx, false),
		} {
			for s := range list {
				if !errors.Is(s.Err, context.Canceled) {
					t.Errorf("%s, %s: listed %+v", name, kind, s)
				}
			}
		}
	}
	p.same("cancelled calls")
}

// TestStreamEndsWhenNobodyListens: the channel closes although its reader has left in the middle.
func TestStreamEndsWhenNobodyListens(t *testing.T) {
	p := newPair(t)
	for i := range 5 {
		n := branch(t, fmt.Sprint(i))
		p.add(n)
		p.both("pin", pinMode(n, pin.Recursive, ""))
	}
	ctx, cancel := context.WithCancel(t.Context())
	pins := p.cluster.RecursiveKeys(ctx, true)
	<-pins
	cancel()
	eventually(t, "the channel closes", func() bool {
		select {
		case _, open := <-pins:
			return !open
		default:
			return false
		}
	})
}

func TestPinnerPassesFailuresOn(t *testing.T) {
	p := newPair(t)
	one := branch(t, "one")
	p.add(one)
	p.both("pin", pinMode(one, pin.Recursive, ""))
	p.pinset.early = errors.New("no leader")
	for _, s := range []step{
		{"pin", pinNode(one, true, ""), ""}, {"pin direct", pinMode(one, pin.Direct, ""), ""},
		{"unpin", unpin(one, true), ""}, {"update", update(one, one, true), ""},
		{"check", func(ctx context.Context, q pin.Pinner) error { _, err := q.CheckIfPinned(ctx, one.Cid()); return err }, ""},
		{"list", func(ctx context.Context, q pin.Pinner) error { return (<-q.RecursiveKeys(ctx, true)).Err }, ""},
	} {
		if err := s.do(t.Context(), p.cluster); !errors.Is(err, p.pinset.early) {
			t.Errorf("%s: error is %v", s.name, err)
		}
	}
}

// racedPinset loses the pin between the look and the removal, as when somebody else unpins it through another peer.
type racedPinset struct{ *mapPinset }

func (racedPinset) Unpin(context.Context, cid.Cid) error {
	return fmt.Errorf("commit unpin: %w", state.ErrNotFound)
}

func TestUnpinThatSomebodyElseWon(t *testing.T) {
	p := newPair(t)
	one := branch(t, "one")
	p.add(one)
	p.both("pin", pinMode(one, pin.Recursive, ""))
	raced := newClusterPinner(racedPinset{p.pinset}, p.dag)
	if err := raced.Unpin(t.Context(), one.Cid(), true); !errors.Is(err, pin.ErrNotPinned) {
		t.Errorf("error is %v", err)
	}
}
