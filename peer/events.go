package peer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/event"
	"github.com/underlay/underlay/internal/pause"
	"github.com/underlay/underlay/peer/reconcile"
)

const (
	// eventBatch is how many changes of the pinset are taken over together.
	eventBatch = 256
	// rollInterval is how often the members and the leader are compared with what they were.
	rollInterval = 250 * time.Millisecond
)

// FollowEvents calls emit with what happens in the cluster, from one goroutine, until ctx ends or emit fails, and returns
// that error. Changes of the pinset come behind the given position, or from now on if it is nil, each once and in the order
// of the log, none left out; if this peer does not remember them any more, the error is consensus.ErrForgotten, and if the
// log has not come so far, consensus.ErrInvalid. Changes of status and membership come as this peer learns of them, from now
// on, and some may be missed.
func (p *Peer) FollowEvents(ctx context.Context, after *consensus.Position, emit func(event.Event) error) error {
	after, err := p.eventsFrom(ctx, after)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	events := make(chan event.Event)
	tell := func(e event.Event) error {
		select {
		case events <- e:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	g.Go(func() error { return p.followPinset(ctx, *after, tell) })
	g.Go(func() error { return p.followMembers(ctx, g, tell) })
	g.Go(func() error {
		for {
			select {
			case e := <-events:
				if err := emit(e); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	return g.Wait()
}

// eventsFrom finds the position to follow from; nil is now.
func (p *Peer) eventsFrom(ctx context.Context, after *consensus.Position) (*consensus.Position, error) {
	if after != nil && after.Index <= p.consensus.Applied() {
		return after, nil
	}
	if err := p.consensus.Barrier(ctx); err != nil { // another peer may have told what this one has not applied yet
		return nil, err
	}
	now := consensus.Behind(p.consensus.Applied())
	if after == nil {
		return &now, nil
	}
	if after.Index > now.Index {
		return nil, fmt.Errorf("%w: there are no events behind %d yet: the log ends at %d", consensus.ErrInvalid, after.Index, now.Index)
	}
	return after, nil
}

// followPinset tells the changes of the pinset.
func (p *Peer) followPinset(ctx context.Context, after consensus.Position, tell func(event.Event) error) error {
	if !p.consensus.Remembers(after) {
		return consensus.ErrForgotten
	}
	if err := tell(event.Event{ID: eventID(after), Index: after.Index, Type: event.Start, At: time.Now()}); err != nil {
		return err
	}
	for {
		found, err := p.consensus.Events(ctx, after, eventBatch)
		if err != nil {
			return err
		}
		for _, e := range found {
			after = e.At
			told := changeEvent(e)
			told.At = time.Now()
			if err := tell(told); err != nil {
				return err
			}
		}
	}
}

// changeEvent tells a change of the pinset, of which nobody has noted the time.
func changeEvent(e consensus.Event) event.Event {
	kind := event.Pinned
	if e.Kind == consensus.OpUnpin {
		kind = event.Unpinned
	}
	return event.Event{ID: eventID(e.At), Index: e.At.Index, Type: kind, Cid: e.Cid.String(), Name: e.Name}
}

// RecentEvents returns the latest changes of the pinset that this peer remembers, up to limit of them, the oldest first and
// without their times, and the ID of the event behind which FollowEvents goes on from there.
func (p *Peer) RecentEvents(limit int) (recent []event.Event, since string) {
	since = eventID(consensus.Behind(p.consensus.Applied())) // first: what is applied meanwhile is among them
	for _, e := range p.consensus.Recent(limit) {
		recent = append(recent, changeEvent(e))
		since = eventID(e.At)
	}
	return recent, since
}

// eventID is a position as text.
func eventID(p consensus.Position) string {
	if p.Count == math.MaxUint64 {
		return fmt.Sprint(p.Index)
	}
	return fmt.Sprintf("%d-%d", p.Index, p.Count)
}

// followMembers tells who comes, goes and leads, and follows the status changes of each while it is a member.
func (p *Peer) followMembers(ctx context.Context, g *errgroup.Group, tell func(event.Event) error) error {
	tick := time.NewTicker(rollInterval)
	defer tick.Stop()
	following := make(map[peer.ID]context.CancelFunc)
	defer func() {
		for _, stop := range following {
			stop()
		}
	}()
	var leader peer.ID
	for first := true; ; first = false {
		members, err := p.consensus.Peers(ctx)
		if err != nil && !errors.Is(err, consensus.ErrNotMember) {
			return err
		}
		for _, id := range members {
			if following[id] != nil {
				continue
			}
			each, stop := context.WithCancel(ctx)
			following[id] = stop
			g.Go(func() error { return p.followStatus(each, ctx, id, tell) })
			if err := p.tellMember(ctx, !first, id, event.Added, tell); err != nil {
				return err
			}
		}
		for id, stop := range following {
			if slices.Contains(members, id) {
				continue
			}
			stop()
			delete(following, id)
			if err := p.tellMember(ctx, true, id, event.Removed, tell); err != nil {
				return err
			}
		}
		if now := p.consensus.Status().Leader; now != leader && now != "" {
			leader = now
			if err := p.tellMember(ctx, !first, now, event.Leads, tell); err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *Peer) tellMember(ctx context.Context, news bool, id peer.ID, status string, tell func(event.Event) error) error {
	if !news {
		return nil
	}
	e := event.Event{Type: event.Membership, Peer: id.String(), Status: status, At: time.Now()}
	if names, err := p.Names(ctx); err == nil {
		e.Name = names[id]
	}
	return tell(e)
}

// followStatus tells the status changes of one member until it is one no more, also after it was away.
func (p *Peer) followStatus(member, ctx context.Context, id peer.ID, tell func(event.Event) error) error {
	for {
		err := p.changesOf(member, id, func(c reconcile.Change) error {
			return tell(event.Event{
				Type: event.Status, Cid: c.Cid.String(), Peer: id.String(), Status: c.Status.String(), Error: c.Error, At: c.At,
			})
		})
		if ctx.Err() != nil {
			return err
		}
		if !pause.For(member, dialInterval) {
			return nil
		}
	}
}
