package proxy

import (
	"context"
	"fmt"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/ipfs/boxo/ipld/merkledag"
	pin "github.com/ipfs/boxo/pinning/pinner"
	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"
)

// IsPinned tells whether and how c is pinned: recursive, direct, or the CID of a recursive pin above it.
func (p *clusterPinner) IsPinned(ctx context.Context, c cid.Cid) (string, bool, error) {
	return p.IsPinnedWithType(ctx, c, pin.Any)
}

// IsPinnedWithType is IsPinned for one kind of pin.
func (p *clusterPinner) IsPinnedWithType(ctx context.Context, c cid.Cid, mode pin.Mode) (string, bool, error) {
	found, err := p.CheckIfPinnedWithType(ctx, mode, false, c)
	if err != nil || !found[0].Pinned() {
		return "", false, err
	}
	if found[0].Mode == pin.Indirect {
		return found[0].Via.String(), true, nil
	}
	text, _ := pin.ModeToString(found[0].Mode)
	return text, true, nil
}

// CheckIfPinned tells for each CID how it is pinned.
func (p *clusterPinner) CheckIfPinned(ctx context.Context, cids ...cid.Cid) ([]pin.Pinned, error) {
	return p.CheckIfPinnedWithType(ctx, pin.Any, false, cids...)
}

// CheckIfPinnedWithType is CheckIfPinned for one kind of pin, with names if wanted. A recursive pin is never also
// indirect, a direct one may be. CIDs are answered in the order asked, those found through others last.
func (p *clusterPinner) CheckIfPinnedWithType(ctx context.Context, mode pin.Mode, names bool, cids ...cid.Cid) ([]pin.Pinned, error) {
	switch mode {
	case pin.Recursive, pin.Direct, pin.Indirect, pin.Any, pin.Internal:
	default:
		return nil, fmt.Errorf("invalid Pin Mode '%d', must be one of {%d, %d, %d, %d, %d}",
			mode, pin.Direct, pin.Indirect, pin.Recursive, pin.Internal, pin.Any)
	}
	st, err := p.state(ctx)
	if err != nil {
		return nil, err
	}
	result := make([]pin.Pinned, 0, len(cids))
	search := cid.NewSet() // may be pinned through another
	for _, c := range cids {
		found, err := get(ctx, st, c)
		if err != nil {
			return nil, err
		}
		if !names {
			found.Name = ""
		}
		switch {
		case mode == pin.Indirect && found.Mode != pin.Recursive, mode == pin.Any && !found.Pinned():
			search.Add(c)
			continue
		case mode != pin.Any && found.Mode != mode:
			found = pin.Pinned{Key: c, Mode: pin.NotPinned}
		}
		result = append(result, found)
	}
	return p.appendIndirect(ctx, st, search, result)
}

// appendIndirect looks for the CIDs below all recursive pins, and appends an answer for each.
func (p *clusterPinner) appendIndirect(ctx context.Context, st state.ReadOnly, search *cid.Set, result []pin.Pinned) ([]pin.Pinned, error) {
	if search.Len() == 0 {
		return result, nil
	}
	visited := cid.NewSet()
	err := listPins(ctx, st, func(root pin.Pinned) error {
		if root.Mode != pin.Recursive || search.Len() == 0 {
			return nil
		}
		visit := func(c cid.Cid) bool {
			if search.Len() == 0 || !visited.Visit(c) {
				return false
			}
			if search.Has(c) {
				result = append(result, pin.Pinned{Key: c, Mode: pin.Indirect, Via: root.Key})
				search.Remove(c)
			}
			return true
		}
		return merkledag.Walk(ctx, merkledag.GetLinksWithDAG(p.dag), root.Key, visit, merkledag.Concurrent())
	})
	if err != nil {
		return nil, err
	}
	for _, c := range search.Keys() {
		result = append(result, pin.Pinned{Key: c, Mode: pin.NotPinned})
	}
	return result, nil
}

// RecursiveKeys streams the recursive pins, with names if detailed.
func (p *clusterPinner) RecursiveKeys(ctx context.Context, detailed bool) <-chan pin.StreamedPin {
	return p.stream(ctx, pin.Recursive, detailed)
}

// DirectKeys streams the direct pins, with names if detailed.
func (p *clusterPinner) DirectKeys(ctx context.Context, detailed bool) <-chan pin.StreamedPin {
	return p.stream(ctx, pin.Direct, detailed)
}

// InternalPins streams nothing: the pinset keeps its own state outside IPFS.
func (p *clusterPinner) InternalPins(context.Context, bool) <-chan pin.StreamedPin {
	none := make(chan pin.StreamedPin)
	close(none)
	return none
}

// stream ends when ctx does; the last entry then carries the error, as in boxo's pinner.
func (p *clusterPinner) stream(ctx context.Context, mode pin.Mode, detailed bool) <-chan pin.StreamedPin {
	out := make(chan pin.StreamedPin)
	go func() {
		defer close(out)
		send := func(s pin.StreamedPin) error {
			select {
			case out <- s:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		err := p.each(ctx, mode, func(found pin.Pinned) error {
			if !detailed {
				found.Name = ""
			}
			return send(pin.StreamedPin{Pin: found})
		})
		if err != nil {
			_ = send(pin.StreamedPin{Err: err}) // fails only when nobody listens any more
		}
	}()
	return out
}

func (p *clusterPinner) each(ctx context.Context, mode pin.Mode, f func(pin.Pinned) error) error {
	st, err := p.state(ctx)
	if err != nil {
		return err
	}
	return listPins(ctx, st, func(found pin.Pinned) error {
		if found.Mode != mode {
			return nil
		}
		return f(found)
	})
}

// listPins calls f for every pin of content. Pins that only describe sharded content are IPFS Cluster's own business.
func listPins(ctx context.Context, st state.ReadOnly, f func(pin.Pinned) error) error {
	g, ctx := errgroup.WithContext(ctx)
	pins := make(chan api.Pin, 64)
	g.Go(func() error { return st.List(ctx, pins) })
	g.Go(func() error {
		for p := range pins {
			if p.Type != api.DataType {
				continue
			}
			if err := f(toPinned(p)); err != nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}
