package rpc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	mdtest "github.com/ipfs/boxo/ipld/merkledag/test"
	pin "github.com/ipfs/boxo/pinning/pinner"
	"github.com/ipfs/boxo/pinning/pinner/dspinner"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	ipld "github.com/ipfs/go-ipld-format"
)

// pair is the cluster's pinner and boxo's own on the same DAG. What is done to one is done to the other, and what they
// say is compared.
type pair struct {
	t       testing.TB
	dag     ipld.DAGService
	pinset  *mapPinset
	cluster pin.Pinner
	boxo    pin.Pinner
	cids    []cid.Cid // all that is asked about
}

func newPair(t testing.TB) *pair {
	t.Helper()
	dag := mdtest.Mock()
	boxo, err := dspinner.New(t.Context(), dssync.MutexWrap(datastore.NewMapDatastore()), dag)
	if err != nil {
		t.Fatalf("open boxo's pinner: %v", err)
	}
	t.Cleanup(func() { boxo.Close() })
	pinset := newMapPinset(dag)
	return &pair{t: t, dag: dag, pinset: pinset, cluster: newClusterPinner(pinset, dag), boxo: boxo}
}

// add stores nodes and asks about them from now on.
func (p *pair) add(nodes ...ipld.Node) {
	p.t.Helper()
	if err := p.dag.AddMany(p.t.Context(), nodes); err != nil {
		p.t.Fatalf("store nodes: %v", err)
	}
	p.know(nodes...)
}

// know asks about nodes, which need not be stored.
func (p *pair) know(nodes ...ipld.Node) {
	for _, n := range nodes {
		p.cids = append(p.cids, n.Cid())
	}
}

// both does the same to both pinners, compares the errors, and returns what they say.
func (p *pair) both(what string, do func(context.Context, pin.Pinner) error) string {
	p.t.Helper()
	got, want := errText(do(p.t.Context(), p.cluster)), errText(do(p.t.Context(), p.boxo))
	if got != want {
		p.t.Fatalf("%s: the error is %q, boxo's is %q", what, got, want)
	}
	return got
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// views are the questions to a pinner whose answers must not differ.
func (p *pair) views() map[string]func(context.Context, pin.Pinner) string {
	views := map[string]func(context.Context, pin.Pinner) string{
		"recursive": func(ctx context.Context, q pin.Pinner) string { return p.listed(q.RecursiveKeys(ctx, false), false) },
		"recursive in detail": func(ctx context.Context, q pin.Pinner) string {
			return p.listed(q.RecursiveKeys(ctx, true), true)
		},
		"direct":           func(ctx context.Context, q pin.Pinner) string { return p.listed(q.DirectKeys(ctx, false), false) },
		"direct in detail": func(ctx context.Context, q pin.Pinner) string { return p.listed(q.DirectKeys(ctx, true), true) },
		"internal":         func(ctx context.Context, q pin.Pinner) string { return p.listed(q.InternalPins(ctx, true), true) },
		"all at once": func(ctx context.Context, q pin.Pinner) string {
			return p.checked(q.CheckIfPinned(ctx, p.cids...))
		},
		"nothing": func(ctx context.Context, q pin.Pinner) string { return p.checked(q.CheckIfPinned(ctx)) },
		"twice": func(ctx context.Context, q pin.Pinner) string {
			return p.checked(q.CheckIfPinned(ctx, append(p.cids, p.cids...)...))
		},
	}
	for _, c := range p.cids {
		views["one "+c.String()] = func(ctx context.Context, q pin.Pinner) string { return p.said(q.IsPinned(ctx, c)) }
	}
	for _, mode := range append(checkedModes(), pin.NotPinned, pin.Mode(99)) {
		for _, names := range []bool{false, true} {
			views[fmt.Sprintf("mode %d, names %t", mode, names)] = func(ctx context.Context, q pin.Pinner) string {
				return p.checked(q.CheckIfPinnedWithType(ctx, mode, names, p.cids...))
			}
		}
		for _, c := range p.cids {
			if p.isBoth(c, mode) {
				continue
			}
			views[fmt.Sprintf("mode %d of %s", mode, c)] = func(ctx context.Context, q pin.Pinner) string {
				return p.said(q.IsPinnedWithType(ctx, c, mode))
			}
		}
	}
	return views
}

func checkedModes() []pin.Mode {
	return []pin.Mode{pin.Recursive, pin.Direct, pin.Indirect, pin.Internal, pin.Any}
}

// isBoth tells questions that boxo itself answers in two ways: whether a recursive pin below another one is indirect
// too. Its CheckIfPinnedWithType says no, as the cluster's pinner always does, and its IsPinnedWithType says yes.
func (p *pair) isBoth(c cid.Cid, mode pin.Mode) bool {
	return mode == pin.Indirect && p.recursive(c)
}

func (p *pair) recursive(c cid.Cid) bool {
	found, ok := p.pinset.pins[c]
	return ok && found.MaxDepth != 0
}

// same compares everything that the pinners say.
func (p *pair) same(after string) {
	p.t.Helper()
	for what, view := range p.views() {
		got, want := view(p.t.Context(), p.cluster), view(p.t.Context(), p.boxo)
		if got != want {
			p.t.Fatalf("after %s, %s: got\n%s\nboxo says\n%s", after, what, got, want)
		}
	}
}

// via replaces the recursive pin through which something is pinned: which one of several is a matter of order.
func (p *pair) via(text string) string {
	c, err := cid.Decode(text)
	switch {
	case err != nil:
		return text
	case !p.recursive(c):
		return "via " + text + ", which is no recursive pin"
	}
	return "via a recursive pin"
}

func (p *pair) said(text string, pinned bool, err error) string {
	return fmt.Sprintf("%q %t %s", p.via(text), pinned, errText(err))
}

func (p *pair) checked(found []pin.Pinned, err error) string {
	lines := []string{errText(err)}
	for _, f := range found {
		via := ""
		if f.Via.Defined() {
			via = p.via(f.Via.String())
		}
		lines = append(lines, fmt.Sprintf("%s %d %q %s", f.Key, f.Mode, f.Name, via))
	}
	slices.Sort(lines) // those found through others come in any order
	return strings.Join(lines, "\n")
}

// listed compares modes only in detailed lists: without details boxo calls every pin recursive.
func (p *pair) listed(pins <-chan pin.StreamedPin, detailed bool) string {
	var lines []string
	for s := range pins {
		line := fmt.Sprintf("%s %q %s", s.Pin.Key, s.Pin.Name, errText(s.Err))
		if detailed {
			line += fmt.Sprint(" ", s.Pin.Mode)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
