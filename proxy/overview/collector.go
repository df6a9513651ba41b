package overview

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/internal/vitals"
	"github.com/underlay/underlay/proxy/member"
)

const (
	// fresh is for how long a picture is shown before a new one is made.
	fresh = time.Second
	// patience is how long a peer may take to say how it is: it asks nobody for that.
	patience = 1500 * time.Millisecond
	// path is where members say how they are, below member.NodePath.
	path = "/vitals"
)

// Path is where a peer says to other members how it is.
const Path = member.NodePath + path

// Self is this peer.
type Self interface {
	// Vitals tells how the peer is, without waiting for others.
	Vitals(ctx context.Context) (vitals.Vitals, error)
}

// Collector makes pictures of the cluster. Any number of goroutines may use it.
type Collector struct {
	self   Self
	peers  member.Peers
	logger *slog.Logger
	now    func() time.Time

	mu   sync.Mutex // held while a picture is made: who comes meanwhile gets that one
	last Overview
	seen map[peer.ID]sighting // when members last answered, and what
}

type sighting struct {
	vitals vitals.Vitals
	at     time.Time
}

// New makes a collector; it asks nobody yet.
func New(self Self, peers member.Peers, logger *slog.Logger) *Collector {
	return &Collector{self: self, peers: peers, logger: logger, now: time.Now, seen: make(map[peer.ID]sighting)}
}

// Handler answers, at Path, members that ask how this peer is.
func (c *Collector) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := c.self.Vitals(r.Context())
		if err != nil {
			c.logger.Warn("cannot tell how this peer is", "error", err)
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v) // the member has gone if this fails
	})
}

// Overview returns a picture of the cluster that is at most a second old. The error says that this peer does not even know who
// is in the cluster.
func (c *Collector) Overview(ctx context.Context) (Overview, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if age := c.now().Sub(c.last.At); age >= 0 && age < fresh {
		return c.last, nil
	}
	// Others wait for the picture too: it is made also if who has asked first goes away.
	made, err := c.collect(context.WithoutCancel(ctx))
	if err != nil {
		return Overview{}, err
	}
	c.last = made
	return made, nil
}

// collect asks all members at once.
func (c *Collector) collect(ctx context.Context) (Overview, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	names, err := c.peers.Names(ctx)
	if err != nil {
		return Overview{}, fmt.Errorf("look at the cluster: %w", err)
	}
	ids := slices.Collect(maps.Keys(names))
	o := Overview{Asked: c.peers.ID().String()}
	o.Peers = member.Each(ids, func(id peer.ID) Peer { return c.ask(ctx, id) })
	for i, id := range ids {
		c.remember(id, names[id], &o.Peers[i])
	}
	c.forget(names)
	o.At = c.now()
	o.settle()
	return o, nil
}

// ask asks one member, which may be this peer.
func (c *Collector) ask(ctx context.Context, id peer.ID) (p Peer) {
	var err error
	if id == c.peers.ID() {
		p.Vitals, err = c.self.Vitals(ctx)
	} else {
		var answer []byte
		if answer, err = (member.Group{Peers: c.peers}).Ask(ctx, id, path, nil, nil); err == nil {
			err = json.Unmarshal(answer, &p.Vitals)
		}
	}
	if err != nil {
		p.Fault = err.Error()
	}
	return p
}

// remember notes what a member has answered, or fills in what it last did.
func (c *Collector) remember(id peer.ID, name string, p *Peer) {
	if p.Answers() {
		p.ID, p.Seen = id.String(), c.now()
		c.seen[id] = sighting{p.Vitals, p.Seen}
		return
	}
	last := c.seen[id]
	p.Vitals, p.Seen = last.vitals, last.at
	p.ID = id.String()
	if name != "" {
		p.Name = name
	}
}

// forget drops what is known of those that are members no more.
func (c *Collector) forget(names map[peer.ID]string) {
	for id := range c.seen {
		if _, member := names[id]; !member {
			delete(c.seen, id)
		}
	}
}
