package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"golang.org/x/sync/errgroup"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/pause"
)

// How often a peer compares its record in the address book with what it is, and looks for members it has lost.
const (
	announceInterval = 10 * time.Second
	memberInterval   = time.Second
)

// member is a peer's record in the cluster's address book, which is replicated with the pinset: so peers find each
// other after restarts at new addresses, in any order, as long as one of them is where it was.
type member struct {
	ID      peer.ID        `json:"-"`
	Name    string         `json:"name"`
	Version string         `json:"version"`
	Addrs   []ma.Multiaddr `json:"-"`
	Slot    string         `json:"slot,omitempty"`    // the place in the cluster that it fills; see slot.go
	Machine string         `json:"machine,omitempty"` // that it runs on, if its name is known
	Removed bool           `json:"removed,omitempty"` // by an operator: it may not join by itself
}

// memberJSON is the stored form of a member; multiaddrs are kept as text.
type memberJSON struct {
	member
	Addrs []string `json:"addrs"`
}

func (m member) encode() ([]byte, error) {
	stored := memberJSON{member: m}
	for _, a := range m.Addrs {
		stored.Addrs = append(stored.Addrs, a.String())
	}
	slices.Sort(stored.Addrs)
	raw, err := json.Marshal(stored)
	if err != nil {
		return nil, fmt.Errorf("encode record of peer %s: %w", m.ID, err)
	}
	return raw, nil
}

func decodeMember(r consensus.MemberRecord) (member, error) {
	var stored memberJSON
	if err := json.Unmarshal(r.Record, &stored); err != nil {
		return member{}, fmt.Errorf("decode record of peer %s: %w", r.ID, err)
	}
	m := stored.member
	m.ID = r.ID
	for _, text := range stored.Addrs {
		a, err := ma.NewMultiaddr(text)
		if err != nil {
			return m, fmt.Errorf("decode record of peer %s: %w", r.ID, err)
		}
		m.Addrs = append(m.Addrs, a)
	}
	return m, nil
}

// addressBook lists what this peer knows of all peers, itself included. It does not wait for news.
func (p *Peer) addressBook(ctx context.Context) ([]member, error) {
	records, err := p.consensus.Members(ctx)
	if err != nil {
		return nil, fmt.Errorf("read address book: %w", err)
	}
	members := make([]member, 0, len(records))
	for _, r := range records {
		m, err := decodeMember(r)
		if err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, nil
}

// announce keeps this peer's own record true until ctx ends. An equal record costs nothing.
func (p *Peer) announce(ctx context.Context) error {
	select {
	case <-p.consensus.Ready(ctx):
	case <-ctx.Done():
		return nil
	}
	for {
		if err := p.setMember(ctx, p.self(ctx)); err != nil && ctx.Err() == nil {
			p.logger.Debug("could not announce this peer's addresses; will try again", "error", err)
		}
		if !pause.For(ctx, announceInterval) {
			return nil
		}
	}
}

// self is what this peer's record should be.
func (p *Peer) self(ctx context.Context) member {
	return member{
		ID: p.ID(), Name: p.opts.Name, Version: p.opts.Version, Addrs: p.host.Addrs(), Slot: p.opts.Slot, Machine: p.machine.name(ctx),
	}
}

// setMember commits a record unless the address book has it already, or says that the peer was removed.
func (p *Peer) setMember(ctx context.Context, m member) error {
	record, err := m.encode()
	if err != nil {
		return err
	}
	records, err := p.consensus.Members(ctx)
	if err != nil {
		return fmt.Errorf("read address book: %w", err)
	}
	for _, r := range records {
		if r.ID != m.ID {
			continue
		}
		old, err := decodeMember(r)
		if string(r.Record) == string(record) || (err == nil && old.Removed && !m.Removed) {
			return nil // only an operator takes back that a peer was removed: see forget
		}
	}
	done, err := p.consensus.Commit(ctx, consensus.SetMemberOp(m.ID, record))
	if err == nil {
		err = errors.Join(done.Errs...)
	}
	if err != nil {
		return fmt.Errorf("commit record of peer %s: %w", m.ID, err)
	}
	return nil
}

// keepMembers stays connected to all members of the address book until ctx ends.
func (m *mesh) keepMembers(ctx context.Context) error {
	for {
		if err := m.meetMembers(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		if !pause.For(ctx, memberInterval) {
			return nil
		}
	}
}

// meetMembers dials, all at once, the members that are not connected.
func (m *mesh) meetMembers(ctx context.Context) error {
	members, err := m.book(ctx)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, other := range members {
		m.bar(other)
		known := m.at(other.ID.String())
		if other.ID == m.host.ID() || other.Removed || (m.connected(known) && time.Since(known.greeted) < greetInterval) {
			continue
		}
		g.Go(func() error {
			a := m.meetMember(ctx, other)
			if ctx.Err() == nil {
				m.note(other.ID.String(), a)
			}
			return nil
		})
	}
	return g.Wait()
}

// bar does for the node of a member what its record says.
func (m *mesh) bar(other member) {
	m.mu.Lock()
	var nodes []peer.ID
	for _, a := range m.peers {
		if a.id == other.ID && a.hello.Node != "" {
			nodes = append(nodes, a.hello.Node)
		}
	}
	m.mu.Unlock()
	for _, node := range nodes {
		m.links.bar(node, other.Removed)
	}
}

func (m *mesh) meetMember(ctx context.Context, other member) acquaintance {
	ctx, cancel := context.WithTimeout(ctx, greetTimeout)
	defer cancel()
	a := acquaintance{id: other.ID}
	if m.host.Network().Connectedness(other.ID) != network.Connected {
		if a.err = m.connectTo(ctx, peer.AddrInfo{ID: other.ID, Addrs: other.Addrs}); a.err != nil {
			return a
		}
	}
	if a.hello, a.err = m.greet(ctx, other.ID); a.err == nil {
		a.greeted = time.Now()
		m.join(ctx, a.hello)
	}
	return a
}
