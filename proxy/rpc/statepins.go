package rpc

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	pin "github.com/ipfs/boxo/pinning/pinner"
	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"
)

// statePins shows the pinset as kubo sees pins.
type statePins struct{ state.ReadOnly }

// Get implements pinview.Pins.
func (s statePins) Get(ctx context.Context, c cid.Cid) (pin.Pinned, error) {
	found, err := s.ReadOnly.Get(ctx, api.NewCid(c))
	if errors.Is(err, state.ErrNotFound) {
		return pin.Pinned{Key: c, Mode: pin.NotPinned}, nil
	}
	if err != nil {
		return pin.Pinned{Key: c, Mode: pin.NotPinned}, fmt.Errorf("read pin of %s: %w", c, err)
	}
	return toPinned(found), nil
}

// Each implements pinview.Pins. Pins that only describe sharded content are IPFS Cluster's own business.
func (s statePins) Each(ctx context.Context, f func(pin.Pinned) error) error {
	g, ctx := errgroup.WithContext(ctx)
	pins := make(chan api.Pin, 64)
	g.Go(func() error { return s.List(ctx, pins) })
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

func toPinned(p api.Pin) pin.Pinned {
	mode := pin.Recursive
	if p.MaxDepth == 0 {
		mode = pin.Direct
	}
	return pin.Pinned{Key: p.Cid.Cid, Mode: mode, Name: p.Name}
}
