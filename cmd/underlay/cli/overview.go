package cli

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/underlay/underlay/internal/client"
	"github.com/underlay/underlay/internal/human"
)

// askTimeout is how long one peer is waited for when all are asked.
const askTimeout = 5 * time.Second

// overview is what status shows of the whole cluster.
type overview struct {
	API    string         `json:"api"`
	Asked  string         `json:"asked"`  // the ID of the peer that answered
	Leader string         `json:"leader"` // its ID; empty while there is none
	Term   uint64         `json:"term"`
	Pins   pinCount       `json:"pins"`
	Peers  []peerOverview `json:"peers"`
}

// pinCount counts pins by how far all their peers are.
type pinCount struct {
	Total      int `json:"total"`
	Held       int `json:"held"`        // by every peer that shall
	InProgress int `json:"in_progress"` // some peer is still to fetch it
	Failing    int `json:"failing"`     // some peer could not fetch it, or does not answer
}

// peerOverview is one peer of it. What could not be asked is absent.
type peerOverview struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Version    string         `json:"version,omitempty"`
	Leader     bool           `json:"leader"`
	Error      string         `json:"error,omitempty"`
	Voter      *bool          `json:"voter,omitempty"`
	Applied    *uint64        `json:"applied,omitempty"`
	Behind     *uint64        `json:"behind,omitempty"`  // entries that the furthest peer has applied and this has not
	Waiting    string         `json:"waiting,omitempty"` // why it has no vote although it has caught up
	Pins       map[string]int `json:"pins"`              // by status
	RepoSize   *uint64        `json:"repo_size,omitempty"`
	StorageMax *uint64        `json:"storage_max,omitempty"`

	waiting map[string]string // what it knows of others, as the leader
}

func showOverview(ctx context.Context, s *session) error {
	o, err := lookAround(ctx, s)
	switch {
	case err != nil:
		return err
	case s.json:
		return s.object(o)
	case s.quiet:
		s.printf("%d/%d", o.Pins.Held, o.Pins.Total)
		return nil
	}
	return o.print(s)
}

// lookAround asks for everything at once. It fails only if the peer itself does not answer: what it cannot tell is left out.
func lookAround(ctx context.Context, s *session) (overview, error) {
	o := overview{API: s.api.URL()}
	ids, err := members(ctx, s)
	if err != nil {
		return o, err
	}
	self, err := s.api.Consensus(ctx)
	if err != nil {
		return o, err
	}
	o.Asked, o.Leader, o.Term = self.ID, self.Leader, self.Term
	at := make(map[string]*peerOverview)
	o.Peers = make([]peerOverview, len(ids))
	for i, id := range ids {
		p := &o.Peers[i]
		*p = peerOverview{
			ID: id.ID.String(), Name: id.Peername, Version: id.Version, Error: cmp.Or(id.Error, id.IPFS.Error), Pins: make(map[string]int),
		}
		p.Leader = p.ID == o.Leader
		at[p.ID] = p
	}
	var asking sync.WaitGroup
	for _, p := range at {
		if id := p.ID; id == self.ID || p.Error == "" {
			asking.Go(func() { p.ask(ctx, s, self) })
		}
	}
	err = s.api.StatusAll(ctx, client.StatusOptions{Stale: true}, func(info client.PinStatus) error {
		o.Pins.add(info)
		for id, p := range info.Peers {
			if peer := at[id]; peer != nil {
				peer.Pins[string(p.Status)]++
			}
		}
		s.bar.show("counting pins", uint64(o.Pins.Total), 0, strconv.Itoa(o.Pins.Total))
		return nil
	})
	asking.Wait()
	o.compare()
	return o, err
}

// ask fills in what the peer itself knows.
func (p *peerOverview) ask(ctx context.Context, s *session, self client.Consensus) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	known, err := self, error(nil)
	if p.ID != self.ID {
		known, err = s.api.ConsensusOf(ctx, p.ID)
	}
	if err == nil {
		p.Voter, p.Applied, p.waiting = &known.Voter, &known.Applied, known.Waiting
	}
	if stat, err := s.api.RepoStat(ctx, p.ID); err == nil {
		p.RepoSize, p.StorageMax = &stat.RepoSize, &stat.StorageMax
	}
}

// compare finds how far each peer is behind the furthest, and what the leader says of it.
func (o *overview) compare() {
	var most uint64
	var waiting map[string]string
	for _, p := range o.Peers {
		if p.Applied != nil {
			most = max(most, *p.Applied)
		}
		if p.Leader {
			waiting = p.waiting
		}
	}
	for i := range o.Peers {
		o.Peers[i].Waiting = waiting[o.Peers[i].ID]
		if p := &o.Peers[i]; p.Applied != nil {
			behind := most - *p.Applied
			p.Behind = &behind
		}
	}
}

func (c *pinCount) add(info client.PinStatus) {
	c.Total++
	have, want := holders(info)
	failing := false
	for _, p := range info.Peers {
		failing = failing || p.Status.Failed()
	}
	switch {
	case failing:
		c.Failing++
	case have < want:
		c.InProgress++
	default:
		c.Held++
	}
}

func (o overview) print(s *session) error {
	leader, asked := "none: no quorum", o.Asked
	for _, p := range o.Peers {
		if p.Leader {
			leader = fmt.Sprintf("%s (term %d)", printable(p.Name), o.Term)
		}
		if p.ID == o.Asked {
			asked = printable(p.Name)
		}
	}
	s.printf("Asked   %s at %s", asked, o.API)
	s.printf("Leader  %s", leader)
	s.printf("Pins    %d: %d held, %d in progress, %d failing\n", o.Pins.Total, o.Pins.Held, o.Pins.InProgress, o.Pins.Failing)
	t := s.table("PEER", "ROLE", "BEHIND", "PINNED", "WAITING", "FAILING", "DISK", "STATE")
	for _, p := range o.Peers {
		pinned, waiting, failing := p.tally()
		disk := "-"
		if p.RepoSize != nil {
			disk = human.Size(*p.RepoSize) + " of " + human.Size(*p.StorageMax)
		}
		state := "up"
		switch {
		case p.Error != "":
			state = "down: " + p.Error
		case p.Waiting != "":
			state = "up; no vote: " + p.Waiting
		}
		if err := t.row(cmp.Or(p.Name, p.ID), p.role(), number(p.Behind), strconv.Itoa(pinned), strconv.Itoa(waiting),
			strconv.Itoa(failing), disk, state); err != nil {
			return err
		}
	}
	return t.end()
}

func (p peerOverview) role() string {
	switch {
	case p.Leader:
		return "leader"
	case p.Voter != nil && !*p.Voter:
		return "learner"
	case p.Voter == nil:
		return "-"
	}
	return "follower"
}

// tally sums up the peer's pins.
func (p peerOverview) tally() (pinned, waiting, failing int) {
	for name, n := range p.Pins {
		switch status := client.Status(name); {
		case status == client.Pinned:
			pinned += n
		case status.Failed():
			failing += n
		case status != client.Remote && status != client.Sharded:
			waiting += n
		}
	}
	return pinned, waiting, failing
}

func number(n *uint64) string {
	if n == nil {
		return "-"
	}
	return strconv.FormatUint(*n, 10)
}
