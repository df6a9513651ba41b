package denylist

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/state"
	"golang.org/x/sync/errgroup"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/denial"
	"github.com/underlay/underlay/internal/pause"
)

// Where the list is among the values of the cluster.
const (
	space      = "deny"
	rulePlace  = space + "/rule/"  // before the ID of a rule
	purgePlace = space + "/purge/" // likewise, of rules of which nobody was told yet
)

// maxRules bounds the list, which is read as a whole.
const maxRules = 10_000

// State is what the list needs of the replicated state.
type State interface {
	// Values returns what is stored under all keys with a prefix.
	Values(ctx context.Context, prefix string) ([]consensus.Value, error)
	// NextValues waits for a change in a space after entry seen, and returns the entry to name next.
	NextValues(ctx context.Context, space string, seen uint64) (uint64, error)
	// Transact commits what is decided on the state as it is then.
	Transact(ctx context.Context, decide func(context.Context) ([]consensus.Op, error)) (consensus.Commit, error)
}

// Options configure the list. State, Leads and Apply are required.
type Options struct {
	State State
	Leads func() bool // this peer is the leader
	// Apply puts the rules into force in place of those before.
	Apply func([]denial.Rule) error
	// Purge makes a CDN forget what rules deny; nil: there is none.
	Purge  func(context.Context, []denial.Rule) error
	Logger *slog.Logger
}

// Denylist is the cluster's list. Any goroutine may use it.
type Denylist struct {
	o  Options
	mu sync.Mutex // held to read the rules and apply them
}

// Open puts into force what this peer knows of the list.
func Open(o Options) (*Denylist, error) {
	d := &Denylist{o: o}
	if err := d.apply(consensus.WithStale(context.Background())); err != nil {
		return nil, fmt.Errorf("open the cluster's denylist: %w", err)
	}
	return d, nil
}

// Serve puts what others change into force, and tells the CDN while this peer leads, until ctx ends. Then it returns nil.
func (d *Denylist) Serve(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.follow(ctx) })
	g.Go(func() error { return d.tellCDN(ctx) })
	return g.Wait()
}

// followPause is how long to wait after a failure.
const followPause = time.Second

func (d *Denylist) follow(ctx context.Context) error {
	for seen := uint64(0); ; {
		next, err := d.o.State.NextValues(ctx, space, seen)
		if err == nil {
			err = d.apply(consensus.WithStale(ctx))
		}
		switch {
		case ctx.Err() != nil || errors.Is(err, consensus.ErrClosed):
			return nil
		case err == nil:
			seen = next
		default:
			d.o.Logger.Error("could not follow the cluster's denylist; will try again", "error", err)
			pause.For(ctx, followPause)
		}
	}
}

// apply puts the rules into force: all that were acknowledged, or those that this peer knows of if ctx is stale.
func (d *Denylist) apply(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	rules, err := d.read(ctx, rulePlace)
	if err != nil {
		return err
	}
	if err := d.o.Apply(rules); err != nil { // of single rules; the others are in force
		d.o.Logger.Error("some rules of the cluster's denylist are not in force", "error", err)
	}
	return nil
}

// read returns the rules in a place, in the order in which they were made. Those that this build cannot read are left out.
func (d *Denylist) read(ctx context.Context, place string) ([]denial.Rule, error) {
	values, err := d.o.State.Values(ctx, place)
	if err != nil {
		return nil, fmt.Errorf("read the cluster's denylist: %w", err)
	}
	rules := make([]denial.Rule, 0, len(values))
	for _, v := range values {
		r, err := decode(v)
		if err != nil {
			d.o.Logger.Error("a rule of the cluster's denylist is left out", "error", err)
			continue
		}
		rules = append(rules, r)
	}
	slices.SortStableFunc(rules, func(a, b denial.Rule) int { return a.At.Compare(b.At) })
	return rules, nil
}

// version of the records.
const version = 1

// record is a rule, as the cluster remembers it.
type record struct {
	Version int `json:"version"`
	denial.Rule
}

func decode(v consensus.Value) (denial.Rule, error) {
	var r record
	if err := json.Unmarshal(v.Data, &r); err != nil {
		return r.Rule, fmt.Errorf("decode %s: %w", v.Key, err)
	}
	if r.Version != version {
		return r.Rule, fmt.Errorf("decode %s: it is of version %d, which this build does not know", v.Key, r.Version)
	}
	return r.Rule, nil
}

// List returns all rules that were acknowledged, in the order in which they were made.
func (d *Denylist) List(ctx context.Context) ([]denial.Rule, error) { return d.read(ctx, rulePlace) }

// Add denies something from now on: the rule is in force here when Add returns, and everywhere else when the other peers
// have applied it. If there is a rule for the same already, this one takes its place. The errors are denial.ErrInvalid,
// denial.ErrFull and those of consensus.Transact.
func (d *Denylist) Add(ctx context.Context, r denial.Rule) (denial.Rule, error) {
	r, err := r.Check()
	if err != nil {
		return r, err
	}
	data, err := json.Marshal(record{version, r})
	if err != nil {
		return r, fmt.Errorf("encode rule %s: %w", r.Rule, err)
	}
	key := rulePlace + r.ID()
	_, err = d.o.State.Transact(ctx, func(ctx context.Context) ([]consensus.Op, error) {
		values, err := d.o.State.Values(ctx, space+"/")
		if err != nil {
			return nil, err
		}
		count, revisions := 0, make(map[string]uint64)
		for _, v := range values {
			revisions[v.Key] = v.Revision
			if len(v.Key) > len(rulePlace) && v.Key[:len(rulePlace)] == rulePlace {
				count++
			}
		}
		if revisions[key] == 0 && count >= maxRules {
			return nil, denial.ErrFull
		}
		ops := []consensus.Op{consensus.SetValueOp(key, data).IfRevision(revisions[key])}
		if len(r.Paths()) > 0 {
			note := purgePlace + r.ID()
			ops = append(ops, consensus.SetValueOp(note, data).IfRevision(revisions[note]))
		}
		return ops, nil
	})
	if err != nil {
		return r, fmt.Errorf("deny %s: %w", r.Rule, err)
	}
	return r, d.applied(ctx)
}

// applied puts a change of this peer into force, which it may not know of yet.
func (d *Denylist) applied(ctx context.Context) error {
	if err := d.apply(ctx); err != nil {
		return fmt.Errorf("committed, but not yet in force on this peer: %w", err)
	}
	return nil
}

// Remove takes a rule back, whichever form of it is given. The errors are denial.ErrInvalid, denial.ErrNotFound and those of
// consensus.Transact.
func (d *Denylist) Remove(ctx context.Context, rule string) error {
	r, err := denial.Rule{Rule: rule}.Check()
	if err != nil {
		return err
	}
	key := rulePlace + r.ID()
	_, err = d.o.State.Transact(ctx, func(ctx context.Context) ([]consensus.Op, error) {
		values, err := d.o.State.Values(ctx, key)
		if err != nil {
			return nil, err
		}
		if len(values) == 0 {
			return nil, denial.ErrNotFound
		}
		return []consensus.Op{consensus.DelValueOp(key).IfRevision(values[0].Revision)}, nil
	})
	if errors.Is(err, state.ErrNotFound) {
		err = denial.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("no longer deny %s: %w", r.Rule, err)
	}
	return d.applied(ctx)
}
