package consensus

import (
	"context"
	"fmt"

	"github.com/underlay/underlay/consensus/pinset"
)

const (
	// MaxKeyBytes bounds the key of a value.
	MaxKeyBytes = pinset.MaxKeyBytes
	// MaxValueBytes bounds the data of a value.
	MaxValueBytes = pinset.MaxValueBytes
)

// SetValueOp returns the operation that sets the value of a key, see Value for
// the bounds.
func SetValueOp(key string, data []byte) Op { return pinset.SetValueOp(key, data) }

// DelValueOp returns the operation that deletes the value of a key. Its result
// is state.ErrNotFound when there is none.
func DelValueOp(key string) Op { return pinset.DelValueOp(key) }

// Value returns the value of a key, linearizably unless ctx is stale. The error
// is state.ErrNotFound itself when there is none; the revision to name in
// Op.IfRevision is then 0.
func (c *Consensus) Value(ctx context.Context, key string) (Value, error) {
	if err := c.Barrier(ctx); err != nil {
		return Value{}, fmt.Errorf("read value of %s: %w", key, err)
	}
	return c.machine.Value(ctx, key)
}

// Values returns the values whose key begins with prefix, in the order of their
// keys, linearizably unless ctx is stale.
func (c *Consensus) Values(ctx context.Context, prefix string) ([]Value, error) {
	if err := c.Barrier(ctx); err != nil {
		return nil, fmt.Errorf("read values of %s: %w", prefix, err)
	}
	return c.machine.Values(ctx, prefix)
}

// ValuesBetween returns, in the order of their keys, the first values whose key is from or comes after it, and comes
// before to: limit of them at most, linearizably unless ctx is stale.
func (c *Consensus) ValuesBetween(ctx context.Context, from, to string, limit int) ([]Value, error) {
	if err := c.Barrier(ctx); err != nil {
		return nil, fmt.Errorf("read values from %s to %s: %w", from, to, err)
	}
	return c.machine.ValuesBetween(ctx, from, to, limit)
}

// NextValues waits until this peer has applied a change of a value after entry
// seen, in the space that is the part of its key before the first slash, and
// returns the entry to name in the next call. The first call, with 0, returns at
// once unless nothing was ever applied. Any number of callers may wait. The
// errors are ErrClosed and those of ctx.
func (c *Consensus) NextValues(ctx context.Context, space string, seen uint64) (uint64, error) {
	return c.machine.NextValues(ctx, space, seen)
}
