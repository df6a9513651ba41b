package console

import (
	"net/http"
	"slices"

	"github.com/underlay/underlay/internal/event"
)

// recentEvents is how many events a page has when it comes.
const recentEvents = 50

// Events tells what has happened.
type Events interface {
	// RecentEvents returns the latest changes of the pinset that this peer remembers, up to limit of them, the oldest first,
	// and the ID of the event behind which GET /events goes on from there.
	RecentEvents(limit int) (recent []event.Event, since string)
}

// eventsData is what the page of that name shows.
type eventsData struct {
	Recent []event.Event // the latest first
	Since  string
	Kinds  []string
	Peers  []peerName
}

// peerName is what a peer is called.
type peerName struct{ ID, Label string }

// events shows the latest events; the page's script adds those that follow.
func (c *Console) events(w http.ResponseWriter, r *http.Request) error {
	o, err := c.o.Overview.Overview(r.Context())
	if err != nil {
		return err
	}
	d := eventsData{Kinds: []string{event.Pinned, event.Unpinned, event.Status, event.Membership}}
	for _, p := range o.Peers {
		d.Peers = append(d.Peers, peerName{p.ID, p.Label()})
	}
	d.Recent, d.Since = c.o.Events.RecentEvents(recentEvents)
	slices.Reverse(d.Recent)
	c.show(w, r, http.StatusOK, "events", "Events", d)
	return nil
}
