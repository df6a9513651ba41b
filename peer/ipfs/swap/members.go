package swap

import (
	"context"
	"sync"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
)

// members are the nodes that are asked and served.
type members struct {
	host host.Host

	mu     sync.Mutex
	known  map[peer.ID]member
	closed bool
}

// member has two links: what somebody waits for does not queue behind the blocks of a large pin.
type member struct{ prompt, bulk *link }

type bulkKey struct{}

// Bulk marks a context for fetching much that nobody waits to read.
func Bulk(ctx context.Context) context.Context { return context.WithValue(ctx, bulkKey{}, true) }

// link returns the one that a request with this context goes to.
func (m member) link(ctx context.Context) *link {
	if ctx.Value(bulkKey{}) != nil {
		return m.bulk
	}
	return m.prompt
}

func (m member) each(f func(*link)) {
	f(m.prompt)
	f(m.bulk)
}

func newMembers(h host.Host) *members {
	return &members{host: h, known: make(map[peer.ID]member)}
}

func (m *members) has(node peer.ID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.known[node]
	return ok
}

func (m *members) admit(node peer.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, ok := m.known[node]
	switch {
	case m.closed || node == m.host.ID():
	case ok:
		old.each((*link).revive)
	default:
		m.known[node] = member{newLink(m.host, node, patience), newLink(m.host, node, bulkPatience)}
	}
}

func (m *members) expel(node peer.ID) {
	m.mu.Lock()
	old, ok := m.known[node]
	delete(m.known, node)
	m.mu.Unlock()
	if ok {
		old.each((*link).close)
	}
}

// usable lists the links that a request can go to now, the preferred one first if it is among them.
func (m *members) usable(ctx context.Context, preferred *link) []*link {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]*link, 0, len(m.known))
	for _, other := range m.known { // in an order of its own each time, which spreads the load
		l := other.link(ctx)
		if !l.usable() {
			continue
		}
		if out = append(out, l); l == preferred {
			last := len(out) - 1
			out[0], out[last] = out[last], out[0]
		}
	}
	return out
}

func (m *members) close() {
	m.mu.Lock()
	m.closed = true
	known := m.known
	m.known = nil
	m.mu.Unlock()
	for _, old := range known {
		old.each((*link).close)
	}
}
