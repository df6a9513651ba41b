package consensus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/consensus/pinset"
)

// Account is for whom new pins count, and how much may.
type Account struct {
	Name              string
	MaxPins, MaxBytes uint64 // 0: no limit
}

// Usage is what counts for an account.
type Usage = pinset.Account

// Counted is for whom a pin counts.
type Counted = pinset.Counted

// SettleOp returns the operation that says how many bytes a pin has that counts
// for an account without them. When they are too many, its result is ErrOverBytes
// and the pin is removed; when nothing is open, state.ErrNotFound.
func SettleOp(c api.Cid, bytes uint64) Op { return pinset.SettleOp(c, bytes) }

type accountKey struct{}

// WithAccount returns a context with which every new pin counts for an account,
// whichever method commits it.
func WithAccount(ctx context.Context, a Account) context.Context {
	return context.WithValue(ctx, accountKey{}, a)
}

// AccountOf returns the account of WithAccount, if there is one.
func AccountOf(ctx context.Context) (Account, bool) {
	a, ok := ctx.Value(accountKey{}).(Account)
	return a, ok
}

// QuotaError is the result of a pin for which its account has no room. It matches
// ErrOverPins or ErrOverBytes.
type QuotaError struct {
	Account Account
	Usage   Usage
	Bytes   uint64 // of the pin, at least; 0: not known
	err     error
}

// Error implements error: it names the quota, the use and the limit.
func (e *QuotaError) Error() string {
	who := e.Account
	switch {
	case errors.Is(e.err, ErrOverPins):
		return fmt.Sprintf("over quota: %s may keep %d pins (max_pins) and keeps %d", who.Name, who.MaxPins, e.Usage.Pins)
	case e.Bytes > 0:
		return fmt.Sprintf("over quota: %s may keep %d bytes (max_bytes) and keeps %d; this would add %d", who.Name, who.MaxBytes, e.Usage.Bytes, e.Bytes)
	default:
		return fmt.Sprintf("over quota: %s may keep %d bytes (max_bytes) and keeps %d", who.Name, who.MaxBytes, e.Usage.Bytes)
	}
}

// Unwrap returns ErrOverPins or ErrOverBytes.
func (e *QuotaError) Unwrap() error { return e.err }

// HTTPStatus tells the APIs how to answer.
func (e *QuotaError) HTTPStatus() int { return http.StatusInsufficientStorage }

// OverBytes says that something has more bytes than there is room for in the
// account of ctx.
func (c *Consensus) OverBytes(account Account, bytes uint64) *QuotaError {
	usage, _ := c.machine.Account(account.Name) // only told
	return &QuotaError{Account: account, Usage: usage, Bytes: bytes, err: ErrOverBytes}
}

// Usage returns what counts for an account, linearizably unless ctx is stale.
func (c *Consensus) Usage(ctx context.Context, account string) (Usage, error) {
	if err := c.Barrier(ctx); err != nil {
		return Usage{}, fmt.Errorf("read what counts for %s: %w", account, err)
	}
	return c.machine.Account(account)
}

// Counted returns for whom a pin counts, by this peer's applied state; for nobody
// if Account is empty.
func (c *Consensus) Counted(cid api.Cid) (Counted, error) { return c.machine.Counted(cid) }

// Unsettled returns the first CIDs behind one, by this peer's applied state, whose
// pins count for an account with bytes that are not known yet.
func (c *Consensus) Unsettled(ctx context.Context, after api.Cid, limit int) ([]api.Cid, error) {
	return c.machine.Unsettled(ctx, after, limit)
}

// charge makes the pins among the operations count for an account.
func (c *Consensus) charge(ctx context.Context, account Account, ops []Op) []Op {
	ops = slices.Clone(ops)
	for i, op := range ops {
		if op.Kind != OpPin {
			continue
		}
		charge := pinset.Charge{Account: account.Name, MaxPins: account.MaxPins, MaxBytes: account.MaxBytes}
		if account.MaxBytes > 0 && c.opts.Weigh != nil && !c.weighed(ctx, op.Pin) {
			charge.Bytes, charge.Known = c.opts.Weigh(ctx, op.Pin, account.MaxBytes)
		}
		ops[i].Bytes = charge.Bytes
		ops[i] = ops[i].For(charge)
	}
	return ops
}

// weighed tells that a pin counts already, or for nobody, and will go on so.
func (c *Consensus) weighed(ctx context.Context, pin api.Pin) bool {
	old, err := c.machine.Get(ctx, pin.Cid)
	if err != nil || old.Mode != pin.Mode {
		return false
	}
	counted, err := c.machine.Counted(pin.Cid)
	return err == nil && (counted.Account == "" || counted.Settled)
}

// explain puts into the results what a refused pin lacks.
func (c *Consensus) explain(ctx context.Context, account Account, ops []Op, done Commit) {
	for i, err := range done.Errs {
		if errors.Is(err, ErrOverPins) || errors.Is(err, ErrOverBytes) {
			_ = c.machine.WaitApplied(ctx, done.Index) // else what is told may be old
			full := c.OverBytes(account, ops[i].Bytes)
			full.err = err
			done.Errs[i] = full
		}
	}
}
