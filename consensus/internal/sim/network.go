package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// ErrUnreachable: a peer could not be connected to in time.
var ErrUnreachable = errors.New("peer is unreachable")

const (
	// dialTimeout is how long a host tries to connect to another.
	dialTimeout = 5 * time.Second
	// redial is how often hosts that lost their connection try again.
	redial = 400 * time.Millisecond
)

// pair names the way from one peer to another.
type pair struct{ from, to peer.ID }

func (p pair) back() pair { return pair{p.to, p.from} }

// Link is the quality of the way from one peer to another.
type Link struct {
	// Blocked links keep what is sent until they are unblocked, as TCP does.
	Blocked bool
	// Delay and up to Jitter more pass before bytes arrive.
	Delay, Jitter time.Duration
	// Loss is the probability that a write gets lost and its stream breaks.
	Loss float64
}

// Network connects hosts. Its methods may be called from any goroutine.
type Network struct {
	mu        sync.Mutex
	rng       *rand.Rand
	hosts     map[peer.ID]*Host
	links     map[pair]Link
	connected map[pair]bool // in both orders
	streams   map[*Stream]struct{}
	changed   chan struct{} // closed and replaced when links or hosts change

	stop    chan struct{}
	running sync.WaitGroup
}

// NewNetwork returns a network without hosts. Close must be called.
func NewNetwork(rng *rand.Rand) *Network {
	n := &Network{
		rng: rng, hosts: make(map[peer.ID]*Host), links: make(map[pair]Link), connected: make(map[pair]bool),
		streams: make(map[*Stream]struct{}), changed: make(chan struct{}), stop: make(chan struct{}),
	}
	n.running.Go(n.redial)
	return n
}

// Close ends the network and waits for its goroutines. All hosts must be closed.
func (n *Network) Close() {
	close(n.stop)
	n.mu.Lock()
	for s := range n.streams {
		s.breakEnd()
	}
	n.mu.Unlock()
	n.running.Wait()
}

// SetLink changes the way from one peer to another.
func (n *Network) SetLink(from, to peer.ID, l Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links[pair{from, to}] = l
	n.wake()
}

// GetLink returns the way from one peer to another.
func (n *Network) GetLink(from, to peer.ID) Link {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.links[pair{from, to}]
}

// Disconnect breaks the connection of two peers and all their streams. They
// connect again as soon as their links allow.
func (n *Network) Disconnect(a, b peer.ID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.disconnect(pair{a, b})
}

func (n *Network) disconnect(p pair) {
	delete(n.connected, p)
	delete(n.connected, p.back())
	for s := range n.streams {
		if w := s.way(); w == p || w == p.back() {
			s.breakEnd()
		}
	}
	n.wake()
}

// forget drops every connection and stream of a peer.
func (n *Network) forget(id peer.ID) {
	for p := range n.connected {
		if p.from == id || p.to == id {
			delete(n.connected, p)
		}
	}
	for s := range n.streams {
		if s.local == id || s.remote == id {
			s.breakEnd()
		}
	}
	n.wake()
}

// wake makes everybody who waits look again.
func (n *Network) wake() {
	close(n.changed)
	n.changed = make(chan struct{})
	for s := range n.streams {
		s.signal()
	}
}

// open reports whether two live hosts reach each other.
func (n *Network) open(p pair) bool {
	return n.hosts[p.from] != nil && n.hosts[p.to] != nil && !n.links[p].Blocked && !n.links[p.back()].Blocked
}

// delay returns how long bytes take.
func (n *Network) delay(p pair) time.Duration {
	l := n.links[p]
	if l.Jitter > 0 {
		return l.Delay + time.Duration(n.rng.Int64N(int64(l.Jitter)))
	}
	return l.Delay
}

// redial connects hosts that can reach each other, as peers do by themselves.
func (n *Network) redial() {
	t := time.NewTicker(redial)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-n.stop:
			return
		}
		n.mu.Lock()
		var fresh []pair
		for a := range n.hosts {
			for b := range n.hosts {
				if p := (pair{a, b}); a < b && !n.connected[p] && n.open(p) {
					fresh = append(fresh, p)
				}
			}
		}
		n.mu.Unlock()
		for _, p := range fresh {
			n.connect(p)
		}
	}
}

// connect makes two hosts connected and tells both, if they can be.
func (n *Network) connect(p pair) bool {
	n.mu.Lock()
	if !n.open(p) {
		n.mu.Unlock()
		return false
	}
	fresh := !n.connected[p]
	n.connected[p], n.connected[p.back()] = true, true
	a, b := n.hosts[p.from], n.hosts[p.to]
	n.mu.Unlock()
	if fresh {
		a.notify()
		b.notify()
	}
	return true
}

// dial connects from a host to another and takes the time it takes.
func (n *Network) dial(ctx context.Context, p pair) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	n.mu.Lock()
	connected := n.connected[p]
	rtt := n.delay(p) + n.delay(p.back())
	n.mu.Unlock()
	if connected {
		return nil
	}
	t := time.NewTimer(rtt)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnreachable, ctx.Err())
	}
	for {
		n.mu.Lock()
		changed := n.changed
		alive := n.hosts[p.from] != nil
		refused := n.hosts[p.to] == nil && !n.links[p].Blocked && !n.links[p.back()].Blocked
		n.mu.Unlock()
		if !alive || refused {
			return fmt.Errorf("%w: connection refused", ErrUnreachable)
		}
		if n.connect(p) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrUnreachable, ctx.Err())
		}
	}
}
