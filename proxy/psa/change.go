package psa

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"

	"github.com/underlay/underlay/consensus"
)

// create commits a request together with the pin that it asks for, if that is not there yet.
func (s *Service) create(ctx context.Context, pin Pin) (request, error) {
	var made request
	err := s.change(ctx, func(d *draft) error {
		made = request{newRequestID(time.Now()), pin}
		return d.add(made)
	})
	if err != nil {
		return made, fmt.Errorf("commit request for %s: %w", pin.Cid, err)
	}
	return made, nil
}

// replace ends a request and begins another one in the same step. The error is errNoRequest when there is no such one.
func (s *Service) replace(ctx context.Context, id requestID, pin Pin) (request, error) {
	var made request
	err := s.change(ctx, func(d *draft) error {
		old, err := s.find(d.ctx, id)
		if err != nil {
			return err
		}
		made = request{newRequestID(time.Now()), pin}
		if err := d.remove(old, pin.Cid); err != nil {
			return err
		}
		return d.add(made)
	})
	if err != nil {
		return made, fmt.Errorf("commit replacement of request %s: %w", id, err)
	}
	return made, nil
}

// remove ends a request, and its pin if the service has made it and no other request wants it. The error is errNoRequest
// when there is no such request.
func (s *Service) remove(ctx context.Context, id requestID) error {
	err := s.change(ctx, func(d *draft) error {
		old, err := s.find(d.ctx, id)
		if err != nil {
			return err
		}
		return d.remove(old, api.CidUndef)
	})
	if err != nil {
		return fmt.Errorf("commit end of request %s: %w", id, err)
	}
	return nil
}

// errNoRequest says that no request has the identifier that was given.
var errNoRequest error = failure{http.StatusNotFound, errors.New("there is no such request")}

// find reads a request.
func (s *Service) find(ctx context.Context, id requestID) (record, error) {
	v, err := s.state.Value(ctx, request{id: id}.key())
	if errors.Is(err, state.ErrNotFound) {
		return record{}, errNoRequest
	}
	if err != nil {
		return record{}, err
	}
	r, err := decodeRecord(v)
	if err == nil && r.id != id {
		err = errNoRequest // of the same time, but not this one
	}
	if err != nil {
		return record{}, err
	}
	return r.whole()
}

// change commits what build puts into a draft.
func (s *Service) change(ctx context.Context, build func(*draft) error) error {
	current := false // the first attempt is made on what this peer has applied
	_, err := s.state.Transact(ctx, func(ctx context.Context) ([]consensus.Op, error) {
		pins, err := s.state.Pins(ctx)
		if err != nil {
			return nil, err
		}
		d := &draft{Service: s, ctx: ctx, pins: pins, current: current}
		current = true
		if err := build(d); err != nil {
			return nil, err
		}
		return d.finish()
	})
	return err
}

// draft is one change under way: operations that take effect together, or not at all.
type draft struct {
	*Service
	ctx     context.Context
	pins    consensus.Pins
	current bool // all that was acknowledged before is in the state
	ops     []consensus.Op
	claims  []*claimDraft // on the CIDs that the change concerns
}

// claimDraft is what a claim becomes.
type claimDraft struct {
	claim
	cid       api.Cid
	added     *Pin    // what a new request asks for
	successor api.Cid // if the last request goes, its pin stays until this CID's is held
}

func (d *draft) claim(c api.Cid) (*claimDraft, error) {
	for _, known := range d.claims {
		if known.cid.Equals(c) {
			return known, nil
		}
	}
	found, err := readClaim(d.ctx, d.state, c)
	if err != nil {
		return nil, err
	}
	d.claims = append(d.claims, &claimDraft{claim: found, cid: c})
	return d.claims[len(d.claims)-1], nil
}

func (d *draft) add(r request) error {
	data, err := r.encode()
	if err != nil {
		return err
	}
	if len(data) > consensus.MaxValueBytes {
		return failure{http.StatusRequestEntityTooLarge, fmt.Errorf("the request takes %d bytes, at most %d", len(data), consensus.MaxValueBytes)}
	}
	c, err := d.claim(r.pin.Cid)
	if err != nil {
		return err
	}
	c.requests++
	c.added = &r.pin
	d.ops = append(d.ops,
		consensus.SetValueOp(r.key(), data).IfRevision(0), // no other request has this time
		consensus.SetValueOp(r.indexKey(), nil))
	return nil
}

func (d *draft) remove(r record, successor api.Cid) error {
	c, err := d.claim(r.pin.Cid)
	if err != nil {
		return err
	}
	c.requests--
	c.successor = successor
	d.ops = append(d.ops, consensus.DelValueOp(r.key()).IfRevision(r.revision), consensus.DelValueOp(r.indexKey()))
	return nil
}

// finish returns all operations, with those on claims and pins.
func (d *draft) finish() ([]consensus.Op, error) {
	for _, c := range d.claims {
		var err error
		switch {
		case c.added != nil:
			err = d.ensure(c)
		case c.requests == 0:
			err = d.release(c)
		default:
			d.set(c)
		}
		if err != nil {
			return nil, err
		}
	}
	return d.ops, nil
}

func (d *draft) set(c *claimDraft) {
	d.ops = append(d.ops, consensus.SetValueOp(claimKey(c.cid), c.encode()).IfRevision(c.revision))
}

var errNotCurrent = errors.New("the pin may have been removed meanwhile")

// ensure makes the pin that a new request wants, or makes do with the one that there is.
func (d *draft) ensure(c *claimDraft) error {
	old, revision, err := d.pins.GetRevision(d.ctx, c.cid)
	absent := errors.Is(err, state.ErrNotFound)
	switch {
	case err != nil && !absent:
		return err
	case !absent && !d.current:
		return errNotCurrent
	}
	wait, err := d.waits(c.cid)
	if err != nil {
		return err
	}
	mine := absent || c.made == revision
	var pin api.Pin
	changed := absent
	if absent {
		pin, err = d.cluster.Complete(d.ctx, newPin(*c.added), api.Pin{})
	} else {
		pin, changed = adapt(old, c, mine, wait.Revision != 0)
	}
	switch {
	case err != nil:
		return err
	case !mine:
		c.made = 0
	case changed:
		c.made = madeWithIt
	}
	if changed {
		d.ops = append(d.ops, consensus.PinOp(pin).IfRevision(revision))
	}
	if changed || c.requests == 1 { // else it is known whether the pin is held
		d.ops = append(d.ops, consensus.SetValueOp(waitKey(c.cid), nil))
	}
	d.set(c)
	return nil
}

// adapt changes a pin as far as one more request for it calls for that, and reports whether it did.
func adapt(pin api.Pin, c *claimDraft, mine, waits bool) (api.Pin, bool) {
	switch {
	case mine && c.requests == 1: // nobody else's: it gets the name of the request that is left
		wanted := newPin(*c.added)
		pin.Name, pin.Metadata, pin.Origins = wanted.Name, wanted.Metadata, wanted.Origins
		return pin, true
	case mine && waits:
		origins := mergeOrigins(pin.Origins, c.added.Origins)
		changed := len(origins) > len(pin.Origins)
		pin.Origins = origins
		return pin, changed
	case pin.Type == api.DataType && (pin.Mode != api.PinModeRecursive || !pin.ExpireAt.IsZero()):
		pin.Mode, pin.MaxDepth, pin.ExpireAt = api.PinModeRecursive, api.PinModeRecursive.ToPinDepth(), time.Time{}
		return pin, true
	default:
		return pin, false
	}
}

// newPin is the pin that a request asks for, for the cluster to complete.
func newPin(p Pin) api.Pin {
	return api.PinWithOpts(p.Cid, api.PinOptions{
		Name: p.Name, Mode: api.PinModeRecursive, Origins: slices.Clone(p.Origins), Metadata: maps.Clone(p.Meta),
	})
}

// mergeOrigins adds the places that another request knows, as many as a request may have.
func mergeOrigins(have, more []api.Multiaddr) []api.Multiaddr {
	merged := slices.Clone(have)
	for _, m := range more {
		known := slices.ContainsFunc(merged, func(o api.Multiaddr) bool { return o.Value().Equal(m.Value()) })
		if !known && len(merged) < maxOrigins {
			merged = append(merged, m)
		}
	}
	return merged
}

// release ends the claim on a CID that no request wants any more, and the pin, if the service has made it. Where a
// replacement is to follow, both stay until that is held, so that no collection takes the blocks that they share.
func (d *draft) release(c *claimDraft) error {
	_, revision, err := d.pins.GetRevision(d.ctx, c.cid)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return err
	}
	mine := err == nil && c.made == revision
	if mine && c.successor.Defined() {
		d.set(c)
		d.ops = append(d.ops, consensus.SetValueOp(waitKey(c.cid), []byte(c.successor.String())))
		return nil
	}
	wait, err := d.waits(c.cid)
	if err != nil {
		return err
	}
	if c.revision != 0 {
		d.ops = append(d.ops, consensus.DelValueOp(claimKey(c.cid)).IfRevision(c.revision))
	}
	if wait.Revision != 0 {
		d.ops = append(d.ops, consensus.DelValueOp(waitKey(c.cid)).IfRevision(wait.Revision))
	}
	if mine {
		d.ops = append(d.ops, consensus.UnpinOp(c.cid).IfRevision(revision))
	}
	return nil
}

func waitKey(c api.Cid) string { return waitSpace + c.String() }

// waits returns the value that says that a CID is not known to be held; its revision is 0 when there is none.
func (d *draft) waits(c api.Cid) (consensus.Value, error) {
	v, err := d.state.Value(d.ctx, waitKey(c))
	if errors.Is(err, state.ErrNotFound) {
		return consensus.Value{}, nil
	}
	return v, err
}
