// Package pinview is the half of kubo's pinner that reads, over pins that are kept anywhere: the cluster's pinset and
// the local pins of a node answer the same questions in the same words.
package pinview

import (
	"context"
	"fmt"

	"github.com/ipfs/boxo/ipld/merkledag"
	pin "github.com/ipfs/boxo/pinning/pinner"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// Pins are recursive and direct pins as of one moment.
type Pins interface {
	// Get returns the pin of c itself; its mode is NotPinned when there is none.
	Get(ctx context.Context, c cid.Cid) (pin.Pinned, error)
	// Each calls f for every pin until f fails, and returns that error.
	Each(ctx context.Context, f func(pin.Pinned) error) error
}

// View answers questions about pins as boxo's dspinner does, and implements that part of [pin.Pinner]. Pins below
// others are found through the DAG.
type View struct {
	Open func(context.Context) (Pins, error) // the pins as of now
	DAG  ipld.DAGService
	// Closing ends the streams when it is closed. It may be nil.
	Closing <-chan struct{}
}

// IsPinned tells whether and how c is pinned: recursive, direct, or the CID of a recursive pin above it.
func (v View) IsPinned(ctx context.Context, c cid.Cid) (string, bool, error) {
	return v.IsPinnedWithType(ctx, c, pin.Any)
}

// IsPinnedWithType is IsPinned for one kind of pin.
func (v View) IsPinnedWithType(ctx context.Context, c cid.Cid, mode pin.Mode) (string, bool, error) {
	found, err := v.CheckIfPinnedWithType(ctx, mode, false, c)
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
func (v View) CheckIfPinned(ctx context.Context, cids ...cid.Cid) ([]pin.Pinned, error) {
	return v.CheckIfPinnedWithType(ctx, pin.Any, false, cids...)
}

// CheckIfPinnedWithType is CheckIfPinned for one kind of pin, with names if wanted. A recursive pin is never also
// indirect, a direct one may be. CIDs are answered in the order asked, those found through others last.
func (v View) CheckIfPinnedWithType(ctx context.Context, mode pin.Mode, names bool, cids ...cid.Cid) ([]pin.Pinned, error) {
	switch mode {
	case pin.Recursive, pin.Direct, pin.Indirect, pin.Any, pin.Internal:
	default:
		return nil, fmt.Errorf("invalid Pin Mode '%d', must be one of {%d, %d, %d, %d, %d}",
			mode, pin.Direct, pin.Indirect, pin.Recursive, pin.Internal, pin.Any)
	}
	pins, err := v.Open(ctx)
	if err != nil {
		return nil, err
	}
	result := make([]pin.Pinned, 0, len(cids))
	search := cid.NewSet() // may be pinned through another
	for _, c := range cids {
		found, err := pins.Get(ctx, c)
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
	return v.appendIndirect(ctx, pins, search, result)
}

// appendIndirect looks for the CIDs below all recursive pins, and appends an answer for each.
func (v View) appendIndirect(ctx context.Context, pins Pins, search *cid.Set, result []pin.Pinned) ([]pin.Pinned, error) {
	if search.Len() == 0 {
		return result, nil
	}
	visited := cid.NewSet()
	err := pins.Each(ctx, func(root pin.Pinned) error {
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
		return merkledag.Walk(ctx, merkledag.GetLinksWithDAG(v.DAG), root.Key, visit, merkledag.Concurrent())
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
func (v View) RecursiveKeys(ctx context.Context, detailed bool) <-chan pin.StreamedPin {
	return v.stream(ctx, pin.Recursive, detailed)
}

// DirectKeys streams the direct pins, with names if detailed.
func (v View) DirectKeys(ctx context.Context, detailed bool) <-chan pin.StreamedPin {
	return v.stream(ctx, pin.Direct, detailed)
}

// InternalPins streams nothing: the pins are kept outside IPFS.
func (v View) InternalPins(context.Context, bool) <-chan pin.StreamedPin {
	none := make(chan pin.StreamedPin)
	close(none)
	return none
}

// stream ends when ctx does; the last entry then carries the error, as in boxo's pinner.
func (v View) stream(ctx context.Context, mode pin.Mode, detailed bool) <-chan pin.StreamedPin {
	out := make(chan pin.StreamedPin, 1)
	go func() {
		defer close(out)
		send := func(s pin.StreamedPin) error {
			select {
			case out <- s:
				return nil
			case <-v.Closing:
				return pin.ErrClosed
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		err := v.each(ctx, mode, func(found pin.Pinned) error {
			if !detailed {
				found.Name = ""
			}
			return send(pin.StreamedPin{Pin: found})
		})
		last := pin.StreamedPin{Err: err}
		if err == nil || send(last) == nil {
			return
		}
		select { // whoever listens still is told
		case out <- last:
		default:
		}
	}()
	return out
}

func (v View) each(ctx context.Context, mode pin.Mode, f func(pin.Pinned) error) error {
	pins, err := v.Open(ctx)
	if err != nil {
		return err
	}
	return pins.Each(ctx, func(found pin.Pinned) error {
		if found.Mode != mode {
			return nil
		}
		return f(found)
	})
}
