package console

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	clusterstate "github.com/ipfs-cluster/ipfs-cluster/state"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/pinstatus"
	"github.com/underlay/underlay/proxy/unfinished"
)

const (
	// pinsPage is how many pins a page has.
	pinsPage = 50
	// chosenChunk is how many pins are looked at together when not all of them are wanted, and chosenMost how many for one
	// page: it may stay short then, and leads on.
	chosenChunk = 512
	chosenMost  = 4096
	// statusPatience is how long the peers may take to say how they stand with the pins of a page.
	statusPatience = 1500 * time.Millisecond
)

// listedPin is a pin and how the peers stand with it.
type listedPin struct {
	api.Pin
	Stands standing
}

// pinList is a page of pins, in their order, and where the pages beside it are.
type pinList struct {
	pins       []listedPin
	prev, next string // cursors; empty: there is nothing
	notes      []string
}

// pinSource reads up to limit pins behind a cursor, or backward before it, in the order in which it comes to them. next goes on
// behind what was looked at, and is empty at the end.
type pinSource interface {
	read(ctx context.Context, from string, backward bool, limit int) (pins []api.Pin, next string, err error)
	cursor(api.Pin) string
	notes() []string
}

// listPins looks for a page of pins.
func (c *Console) listPins(ctx context.Context, s pinSearch) (pinList, error) {
	source, wanted, chosen, err := c.source(s)
	if err != nil {
		return pinList{}, err
	}
	size := pinsPage + 1 // to know whether there are more
	if chosen {
		size = chosenChunk
	}
	from, backward := s.After, s.Before != ""
	if backward {
		from = s.Before
	}
	var l pinList
	first, last := "", "" // cursors of what was looked at
	for looked := 0; len(l.pins) <= pinsPage; {
		pins, next, err := source.read(ctx, from, backward, size)
		if err != nil {
			return l, err
		}
		if first == "" && len(pins) > 0 {
			first = source.cursor(pins[0])
		}
		found, err := c.stands(ctx, slices.DeleteFunc(pins, func(p api.Pin) bool { return !strings.HasPrefix(p.Name, s.Name) }))
		if err != nil {
			return l, err
		}
		l.pins = append(l.pins, slices.DeleteFunc(found, func(p listedPin) bool { return !wanted(p) })...)
		looked += size
		if from, last = next, next; next == "" || looked >= chosenMost {
			break
		}
	}
	if len(l.pins) > pinsPage {
		l.pins = l.pins[:pinsPage]
		last = source.cursor(l.pins[pinsPage-1].Pin)
	}
	l.notes = source.notes()
	if backward {
		slices.Reverse(l.pins)
		l.prev, l.next = last, first
		return l, nil
	}
	if s.After != "" {
		l.prev = first
	}
	l.next = last
	return l, nil
}

// source tells where the pins of a search come from, and which of them are wanted; chosen says that it may be few.
func (c *Console) source(s pinSearch) (source pinSource, wanted func(listedPin) bool, chosen bool, err error) {
	filter, err := s.filter()
	if err != nil {
		return nil, nil, false, err
	}
	key, value, err := s.meta()
	if err != nil {
		return nil, nil, false, err
	}
	wanted = func(listedPin) bool { return true }
	if filter.unfinished != 0 {
		wanted = func(p listedPin) bool {
			v, ok := p.Metadata[key]
			return key == "" || ok && (value == "" || v == value)
		}
		return &unfinishedSource{c: c, filter: filter.unfinished}, wanted, s.Name != "" || key != "", nil
	}
	if filter.Value == heldFilter {
		wanted, chosen = func(p listedPin) bool { return p.Stands.settled }, true
	}
	query := consensus.Query{MetaKey: key, MetaValue: value}
	if key == "" {
		query.NamePrefix = s.Name
	}
	return indexSource{c, query}, wanted, chosen || key != "" && s.Name != "", nil
}

// stands asks the peers how they stand with some pins. One that does not answer in time is said not to answer.
func (c *Console) stands(ctx context.Context, pins []api.Pin) ([]listedPin, error) {
	ctx, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	found, err := c.o.Pins.StatusOf(ctx, pins, api.TrackerStatusUndefined)
	if err != nil {
		return nil, err
	}
	listed := make([]listedPin, len(pins))
	for i, pin := range pins {
		s := pinstatus.Status{}
		if found[i] != nil {
			s = *found[i]
		}
		listed[i] = listedPin{pin, standingOf(pin, s)}
	}
	return listed, nil
}

// indexSource reads the pinset by one of its indexes.
type indexSource struct {
	c     *Console
	query consensus.Query
}

func (s indexSource) read(ctx context.Context, from string, backward bool, limit int) (pins []api.Pin, next string, err error) {
	s.query.After, s.query.Backward, s.query.Limit = from, backward, limit
	next, err = s.c.o.Pins.ScanPins(ctx, s.query, func(pin api.Pin) error {
		pins = append(pins, pin)
		return nil
	})
	return pins, next, err
}

func (s indexSource) cursor(pin api.Pin) string { return s.query.Behind(pin) }

func (indexSource) notes() []string { return nil }

// unfinishedSource reads what the peers have left to do. Its cursors are CIDs.
type unfinishedSource struct {
	c      *Console
	filter api.TrackerStatus
	last   unfinished.List
}

func (s *unfinishedSource) read(ctx context.Context, from string, backward bool, limit int) (pins []api.Pin, next string, err error) {
	q := unfinished.Query{Filter: s.filter, Backward: backward, Limit: limit}
	if from != "" {
		if q.From, err = api.DecodeCid(from); err != nil {
			return nil, "", badRequest("%q is no place in a list of pins", from)
		}
	}
	if s.last, err = s.c.o.Unfinished.List(ctx, q); err != nil {
		return nil, "", err
	}
	for i, c := range s.last.Cids {
		if i == 1 {
			ctx = consensus.WithStale(ctx) // the first has seen to it that this peer knows all
		}
		switch pin, _, err := s.c.o.Pins.PinRevision(ctx, c); {
		case errors.Is(err, clusterstate.ErrNotFound): // it is being removed
		case err != nil:
			return nil, "", err
		default:
			pins = append(pins, pin)
		}
	}
	if s.last.More {
		next = s.last.Cids[len(s.last.Cids)-1].String()
	}
	return pins, next, nil
}

func (s *unfinishedSource) cursor(pin api.Pin) string { return pin.Cid.String() }

func (s *unfinishedSource) notes() (notes []string) {
	for _, name := range s.last.Away {
		notes = append(notes, "Peer "+name+" does not answer; what it has left to do is not in this list.")
	}
	if s.last.Scanning {
		notes = append(notes, "Some peers still compare what they hold with the pinset; more may be left to do.")
	}
	return notes
}
