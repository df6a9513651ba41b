package consensus

import (
	"context"
	"fmt"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/underlay/underlay/consensus/pinset"
)

// These are part of this package's vocabulary. Package pinset documents them.
type (
	// Op is one operation, for Commit.
	Op = pinset.Op
	// OpKind says what an operation does.
	OpKind = pinset.OpKind
	// Changes says what changed in the state.
	Changes = pinset.Changes
	// MemberRecord is what the cluster remembers of a peer.
	MemberRecord = pinset.MemberRecord
	// Value is what the cluster remembers under a key.
	Value = pinset.Value
	// Query selects pins, for Pins.Scan.
	Query = pinset.Query
	// Event is one change of the pinset.
	Event = pinset.Event
	// Position is a place in the history of the pinset.
	Position = pinset.Position
)

// The kinds of operations.
const (
	OpPin       = pinset.OpPin
	OpUnpin     = pinset.OpUnpin
	OpSetMember = pinset.OpSetMember
	OpDelMember = pinset.OpDelMember
	OpSetValue  = pinset.OpSetValue
	OpDelValue  = pinset.OpDelValue
)

// ErrForgotten reports that changes are no longer remembered, see Events.
var ErrForgotten = pinset.ErrForgotten

// Behind returns the position behind all changes of a log entry.
func Behind(index uint64) Position { return pinset.Behind(index) }

// MaxRecordBytes bounds a member record.
const MaxRecordBytes = pinset.MaxRecordBytes

// PinOp returns the operation that pins p.
func PinOp(p api.Pin) Op { return pinset.PinOp(p) }

// UnpinOp returns the operation that unpins c. Its result is state.ErrNotFound
// when c is not pinned.
func UnpinOp(c api.Cid) Op { return pinset.UnpinOp(c) }

// SetMemberOp returns the operation that sets the record of a peer, of at most
// MaxRecordBytes. An equal record stays as it is and causes no Changes.
func SetMemberOp(id peer.ID, record []byte) Op { return pinset.SetMemberOp(id, record) }

// DelMemberOp returns the operation that deletes the record of a peer, if there
// is one.
func DelMemberOp(id peer.ID) Op { return pinset.DelMemberOp(id) }

// Pins is what can be asked of the pinset. State returns one, too: ipfs-cluster's
// interface only lets it say less.
type Pins interface {
	state.ReadOnly
	// GetRevision is Get with the revision of the pin, for Op.IfRevision. The
	// revision of an absent pin is 0, the error state.ErrNotFound.
	GetRevision(context.Context, api.Cid) (api.Pin, uint64, error)
	// Scan calls a function with each pin that a query selects.
	Scan(context.Context, Query, func(api.Pin) error) (next string, err error)
	// Len returns the number of pins, from a counter.
	Len(context.Context) (uint64, error)
}

var _ Pins = (*pinset.Store)(nil)

// EachPage calls f with all pins that keep wants, size of them looked at at a
// time, so that no longer a view of the state is held while f works. Pins that
// come or go meanwhile may be missed. It stops when f fails, with f's error.
func EachPage(ctx context.Context, pins Pins, size int, keep func(api.Pin) bool, f func([]api.Pin) error) error {
	query := Query{Limit: size}
	for {
		var page []api.Pin
		next, err := pins.Scan(ctx, query, func(pin api.Pin) error {
			if keep(pin) {
				page = append(page, pin)
			}
			return nil
		})
		if err == nil {
			err = f(page)
		}
		if err != nil || next == "" {
			return err
		}
		query.After = next
	}
}

// Every wants all pins, for EachPage.
func Every(api.Pin) bool { return true }

// Local returns this peer's applied state. It may lag behind the cluster; reads
// after Close fail with ErrClosed.
func (c *Consensus) Local() Pins { return c.machine.Store }

// State returns the pinset for linearizable reads: it is Local after a Barrier.
func (c *Consensus) State(ctx context.Context) (state.ReadOnly, error) {
	return c.Pins(ctx)
}

// Pins is State with all that can be asked.
func (c *Consensus) Pins(ctx context.Context) (Pins, error) {
	if err := c.Barrier(ctx); err != nil {
		return nil, fmt.Errorf("read pinset: %w", err)
	}
	return c.machine.Store, nil
}

// Members returns the records of all peers that have one, by this peer's applied
// state. They need not be members of the cluster: see Peers.
func (c *Consensus) Members(ctx context.Context) ([]MemberRecord, error) {
	return c.machine.Members(ctx)
}

// Len returns the number of pins that this peer has applied, from a counter.
func (c *Consensus) Len(ctx context.Context) (uint64, error) { return c.machine.Len(ctx) }

// Next waits until pins or member records changed since the call before and says
// which. It is for one consumer at a time. The changes that replay of the log
// brings after a start are included, but not those of earlier lives: read Local
// once at start. The errors are ErrClosed and those of ctx.
func (c *Consensus) Next(ctx context.Context) (Changes, error) { return c.machine.Next(ctx) }

// Remembers reports whether Events can go on from a position now.
func (c *Consensus) Remembers(p Position) bool { return c.machine.Remembers(p) }

// Events returns up to limit changes of the pinset that this peer has applied
// behind a position, as soon as there are some. Positions mean the same on every
// peer. A peer remembers some ten thousands of changes, and none from before it
// started or was given a snapshot: then the error is ErrForgotten. Others are
// ErrClosed and those of ctx.
func (c *Consensus) Events(ctx context.Context, after Position, limit int) ([]Event, error) {
	return c.machine.Events(ctx, after, limit)
}

// Removed lists the CIDs whose pins were removed on this peer behind entry seen,
// some of them pinned again since, and returns the entry to name in the next
// call. ok is false when it no longer knows, as in the first call: the caller then
// has to look for himself. Any number of callers may ask.
func (c *Consensus) Removed(seen uint64) (cids []api.Cid, now uint64, ok bool) {
	return c.machine.Removed(seen)
}

// Applied returns the index of the last applied entry that holds operations.
func (c *Consensus) Applied() uint64 { return c.machine.Applied() }

// WaitApplied returns when Applied has reached index. The errors are ErrClosed
// and those of ctx.
func (c *Consensus) WaitApplied(ctx context.Context, index uint64) error {
	return c.machine.WaitApplied(ctx, index)
}
