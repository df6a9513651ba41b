package psa

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"

	"github.com/underlay/underlay/consensus"
)

// orphans are the CIDs that are requested and not pinned, because the pin was removed through another API. They are kept
// from list to list, so that a list looks at what was removed since the one before and not at every pin.
type orphans struct {
	mu   sync.Mutex
	seen uint64 // entry up to which removals are taken into account
	cids map[api.Cid]bool
}

// now returns the orphans in a state that has all that was acknowledged before the call.
func (o *orphans) now(ctx context.Context, s State, pins consensus.Pins) (map[api.Cid]bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	removed, now, known := s.Removed(o.seen)
	found := maps.Clone(o.cids)
	var err error
	if !known {
		found, err = lookForOrphans(ctx, s, pins)
	} else if found == nil {
		found = make(map[api.Cid]bool)
	}
	for _, c := range removed {
		found[c] = true
	}
	for c := range found {
		var still bool
		if still, err = isOrphan(ctx, s, pins, c); err != nil {
			break
		}
		if !still {
			delete(found, c)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("find requests without a pin: %w", err)
	}
	o.seen, o.cids = now, found
	return maps.Clone(found), nil
}

// lookForOrphans looks at every CID that is requested.
func lookForOrphans(ctx context.Context, s State, pins consensus.Pins) (map[api.Cid]bool, error) {
	found := make(map[api.Cid]bool)
	return found, eachValue(ctx, s, claimSpace, claimSpace+"\x7f", func(values []consensus.Value) error {
		for _, v := range values {
			c, err := api.DecodeCid(v.Key[len(claimSpace):])
			if err != nil {
				return fmt.Errorf("%w: claim %s: %w", consensus.ErrCorrupt, v.Key, err)
			}
			pinned, err := pins.Has(ctx, c)
			if err != nil {
				return err
			}
			if !pinned {
				found[c] = true
			}
		}
		return nil
	})
}

func isOrphan(ctx context.Context, s State, pins consensus.Pins, c api.Cid) (bool, error) {
	pinned, err := pins.Has(ctx, c)
	if err != nil || pinned {
		return false, err
	}
	_, err = s.Value(ctx, claimKey(c))
	if errors.Is(err, state.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
