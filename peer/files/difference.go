package files

import (
	"context"
	"errors"
	"slices"

	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"golang.org/x/sync/errgroup"
)

const (
	// walkers is how many blocks of a difference are looked at at the same time.
	walkers = 16
	// maxRemoved bounds how many blocks of the old DAG are looked at to find out what has only moved.
	maxRemoved = 1 << 14
)

// linksOf returns the links of a block. The error is not-found when there is no such block where it looks.
type linksOf func(context.Context, cid.Cid) ([]cid.Cid, error)

// difference finds what the DAG below one root has and the DAG below another has not. It looks at both from the top, level
// by level, and not below what both have. So it takes as long as the two differ, however large they are. What has only moved
// is found too, unless very much was removed; then the difference may be more than it need be.
type difference struct {
	old, new linksOf

	added   map[cid.Cid][]cid.Cid // with their links, once they are known
	fresh   []cid.Cid             // the level of added that is looked at next
	removed map[cid.Cid]struct{}
	gone    []cid.Cid // the level of removed that is looked at next
	unsure  bool
}

// find returns the difference, parents before what is below them. Blocks that are nowhere are left out, with what may be
// below them. The error is errUnsure when others may have to be left out.
func (d *difference) find(ctx context.Context, base, next cid.Cid) ([]cid.Cid, error) {
	if base == next {
		return nil, nil
	}
	d.added, d.fresh = map[cid.Cid][]cid.Cid{next: nil}, []cid.Cid{next}
	d.removed, d.gone = map[cid.Cid]struct{}{base: {}}, []cid.Cid{base}
	var order []cid.Cid
	for len(d.fresh) > 0 {
		below, err := d.descend(ctx)
		if err != nil {
			return nil, err
		}
		present, err := d.load(ctx)
		if err != nil {
			return nil, err
		}
		order = append(order, present...)
		d.follow(present, below)
	}
	order = slices.DeleteFunc(order, func(c cid.Cid) bool { _, still := d.added[c]; return !still })
	if d.unsure {
		return order, errUnsure
	}
	return order, nil
}

// descend notes what is one level further down in the old DAG, and returns it.
func (d *difference) descend(ctx context.Context) (below []cid.Cid, err error) {
	if len(d.removed) > maxRemoved {
		return nil, nil
	}
	for _, c := range d.gone {
		links, err := d.old(ctx, c)
		if err != nil && !ipld.IsNotFound(err) {
			return nil, err
		}
		for _, l := range links {
			if _, seen := d.removed[l]; seen {
				continue
			}
			d.removed[l] = struct{}{}
			below = append(below, l)
			d.forget(l)
		}
	}
	return below, nil
}

// forget takes what the old DAG has out of the difference, with all that is below it.
func (d *difference) forget(c cid.Cid) {
	links, ok := d.added[c]
	if !ok {
		return
	}
	delete(d.added, c)
	for _, l := range links {
		d.forget(l)
	}
}

// load looks at one level of the new DAG and returns what is there.
func (d *difference) load(ctx context.Context) ([]cid.Cid, error) {
	d.fresh = slices.DeleteFunc(d.fresh, func(c cid.Cid) bool { _, still := d.added[c]; return !still })
	links := make([][]cid.Cid, len(d.fresh))
	errs := make([]error, len(d.fresh))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(walkers)
	for i, c := range d.fresh {
		g.Go(func() error {
			links[i], errs[i] = d.new(gctx, c)
			if ipld.IsNotFound(errs[i]) || errors.Is(errs[i], errUnsure) {
				return nil
			}
			return errs[i]
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	present := make([]cid.Cid, 0, len(d.fresh))
	for i, c := range d.fresh {
		if errs[i] != nil {
			d.unsure = d.unsure || errors.Is(errs[i], errUnsure)
			delete(d.added, c)
			continue
		}
		d.added[c] = links[i]
		present = append(present, c)
	}
	return present, nil
}

// follow makes the next levels: of the new DAG what the old one is not known to have, of the old one what is not common.
func (d *difference) follow(present, below []cid.Cid) {
	common := make(map[cid.Cid]struct{})
	d.fresh = nil
	for _, c := range present {
		for _, l := range d.added[c] {
			if _, old := d.removed[l]; old {
				common[l] = struct{}{}
				continue
			}
			if _, seen := d.added[l]; !seen {
				d.added[l] = nil
				d.fresh = append(d.fresh, l)
			}
		}
	}
	d.gone = slices.DeleteFunc(below, func(c cid.Cid) bool { _, is := common[c]; return is })
}
