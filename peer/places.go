package peer

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/underlay/underlay/internal/complaint"
	"github.com/underlay/underlay/internal/pause"
)

// How often a peer asks where others may be: before it belongs to a cluster, and afterwards.
const (
	lookInterval        = time.Second
	lookIntervalSettled = 30 * time.Second
)

// Places tell where other peers may be, see package discover.
type Places interface {
	// Addrs returns addresses, host:port. With an error it may still return some.
	Addrs(ctx context.Context) ([]string, error)
}

// look asks where others may be, again and again until ctx ends, and keeps in touch with whoever is there. An error means that
// this peer must not go on.
func (m *mesh) look(ctx context.Context) error {
	if m.places == nil {
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	keeping := make(map[string]context.CancelFunc)
	complaint := complaint.Complaint{
		Logger: m.logger, Fails: "cannot find out where all the other peers may be; will ask again", Works: "found out where the other peers may be",
	}
	for {
		addrs, err := m.places.Addrs(ctx)
		if ctx.Err() == nil {
			complaint.Note(err)
		}
		if err == nil || len(addrs) > 0 {
			m.keepOnly(addrs, keeping)
		}
		for _, addr := range addrs {
			if keeping[addr] != nil {
				continue
			}
			at, cancel := context.WithCancel(ctx)
			keeping[addr] = cancel
			g.Go(func() error { return m.keep(at, addr) })
		}
		interval := lookInterval
		if m.settled() {
			interval = lookIntervalSettled
		}
		if !pause.For(ctx, interval) {
			return g.Wait()
		}
	}
}

// keepOnly forgets the addresses at which nobody is any more.
func (m *mesh) keepOnly(addrs []string, keeping map[string]context.CancelFunc) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.addrs, m.asked = addrs, true
	for addr, cancel := range keeping {
		if !slices.Contains(addrs, addr) {
			cancel()
			delete(keeping, addr)
			delete(m.peers, addr)
		}
	}
}
