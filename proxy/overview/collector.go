package overview

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/internal/vitals"
	"github.com/underlay/underlay/proxy/member"
)

const (
	// fresh is for how long a picture is shown before a new one is made.
	fresh = time.Second
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
	peers  member.Peers
	survey *member.Survey[vitals.Vitals]

	mu   sync.Mutex
	seen map[peer.ID]sighting // when members last answered, and what
}

type sighting struct {
	vitals vitals.Vitals
	at     time.Time
}

// New makes a collector; it asks nobody yet.
func New(self Self, peers member.Peers, logger *slog.Logger) *Collector {
	return &Collector{peers: peers, survey: member.NewSurvey(peers, path, fresh, self.Vitals, logger), seen: make(map[peer.ID]sighting)}
}

// Handler answers, at Path, members that ask how this peer is.
func (c *Collector) Handler() http.Handler { return c.survey.Handler() }

// Overview returns a picture of the cluster that is at most a second old. The error says that this peer does not even know who
// is in the cluster.
func (c *Collector) Overview(ctx context.Context) (Overview, error) {
	answers, err := c.survey.Ask(ctx)
	if err != nil {
		return Overview{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	o := Overview{At: answers.At, Asked: c.peers.ID().String()}
	members := make(map[peer.ID]bool)
	for _, a := range answers.All {
		members[a.ID] = true
		o.Peers = append(o.Peers, c.remember(a, answers.At))
	}
	for id := range c.seen {
		if !members[id] {
			delete(c.seen, id)
		}
	}
	o.settle()
	return o, nil
}

// remember notes what a member has answered, or fills in what it last did.
func (c *Collector) remember(a member.Answer[vitals.Vitals], at time.Time) (p Peer) {
	if a.Fault == nil {
		c.seen[a.ID] = sighting{a.Said, at}
	} else {
		p.Fault = a.Fault.Error()
	}
	last := c.seen[a.ID]
	p.Vitals, p.Seen = last.vitals, last.at
	p.ID = a.ID.String()
	if a.Fault != nil && a.Name != "" {
		p.Name = a.Name
	}
	return p
}
