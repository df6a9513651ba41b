package rest

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/proxy/fault"
)

const (
	// selectPage is how many pins are looked at together.
	selectPage = 1024
	// maxLimit is the most items that a page of a listing may have.
	maxLimit = 10000
	// nextHeader says how to go on behind a page: it is the parameter "after" of the next request. The last page has none.
	nextHeader = "X-Underlay-Next"
)

// selection is the part of the pinset that a listing asks for: an addition of ours to the parameters of GET /pins and
// GET /allocations.
//
//	name-prefix   what the name begins with
//	meta-KEY      a metadata item that the pin has, with this value unless that is empty; several must all be there
//	limit, after  a page of so many items, behind the one before
type selection struct {
	query consensus.Query
	meta  map[string]string // that the query does not look for
	limit int               // 0: no limit
}

func newSelection(q url.Values) (selection, error) {
	s := selection{query: consensus.Query{NamePrefix: q.Get("name-prefix"), After: q.Get("after")}, meta: make(map[string]string)}
	for name, values := range q {
		if key, ok := strings.CutPrefix(name, "meta-"); ok {
			if key == "" {
				return s, badRequest("parameter %s invalid: it names no metadata key", name)
			}
			s.meta[key] = values[0]
		}
	}
	if len(s.meta) > 0 { // the index finds one of them, the first by name so that cursors stay good
		key := slices.Sorted(maps.Keys(s.meta))[0]
		s.query.MetaKey, s.query.MetaValue = key, s.meta[key]
		delete(s.meta, key)
	}
	if v := q.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > maxLimit {
			return s, badRequest("parameter limit invalid: %q is not a number from 1 to %d", v, maxLimit)
		}
		s.limit = n
	}
	return s, nil
}

// everything tells that nothing is left out.
func (s selection) everything() bool {
	return s.query == consensus.Query{} && len(s.meta) == 0 && s.limit == 0
}

// has tells whether a pin has the metadata that the query has not looked for.
func (s selection) has(pin api.Pin) bool {
	for key, want := range s.meta {
		if v, ok := pin.Metadata[key]; !ok || want != "" && v != want {
			return false
		}
	}
	return true
}

// selected answers with what look makes of the selected pins: all of them in a stream, or one page of so many items as
// the request wants, with the header that leads to the next. look returns an item for each pin, nil for one to leave out.
func selected[T any](a *handlers, w http.ResponseWriter, r *http.Request, s selection,
	look func(context.Context, []api.Pin) ([]*T, error), show func(T) (any, bool),
) {
	switch {
	case a.Pinset == nil:
		a.fail(w, r, fault.With(http.StatusServiceUnavailable, errors.New("this peer cannot select pins")))
	case s.limit == 0:
		writeStream(a, w, r, func(ctx context.Context, out chan<- T) error {
			_, err := each(ctx, a, s, look, func(item T) (bool, error) { return true, send(ctx, out, item) })
			return err
		}, show)
	default:
		var items []T
		next, err := each(r.Context(), a, s, look, func(item T) (bool, error) {
			items = append(items, item)
			return len(items) < s.limit, nil
		})
		if err != nil {
			a.fail(w, r, err)
			return
		}
		if next != "" {
			w.Header().Set(nextHeader, next)
		}
		writeStream(a, w, r, func(ctx context.Context, out chan<- T) error {
			for _, item := range items {
				if err := send(ctx, out, item); err != nil {
					return err
				}
			}
			return nil
		}, show)
	}
}

func send[T any](ctx context.Context, out chan<- T, item T) error {
	select {
	case out <- item:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// each hands the items of the selected pins to take, until that wants no more; next is where to go on then, empty when
// there is nothing more.
func each[T any](ctx context.Context, a *handlers, s selection, look func(context.Context, []api.Pin) ([]*T, error),
	take func(T) (more bool, err error),
) (next string, err error) {
	query := s.query
	query.Limit = selectPage
	for {
		var page []api.Pin
		next, err := a.Pinset.ScanPins(ctx, query, func(pin api.Pin) error {
			if s.has(pin) {
				page = append(page, pin)
			}
			return nil
		})
		if errors.Is(err, consensus.ErrInvalid) {
			err = fault.With(http.StatusBadRequest, err)
		}
		if err != nil {
			return "", err
		}
		items, err := look(ctx, page)
		if err != nil {
			return "", err
		}
		for i, item := range items {
			if item == nil {
				continue
			}
			if more, err := take(*item); err != nil || !more {
				if next == "" && !slices.ContainsFunc(items[i+1:], func(item *T) bool { return item != nil }) {
					return "", err
				}
				return query.Behind(page[i]), err
			}
		}
		if query.After = next; next == "" {
			return "", nil
		}
	}
}
