package access

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

const (
	// attemptBurst is how many wrong credentials a client may send at once.
	attemptBurst = 20
	// attemptPause is after how long it may send one more.
	attemptPause = 3 * time.Second
	// attemptClients bounds the clients that are remembered. When so many have just failed, all others share one bucket.
	attemptClients = 4096
)

// attempts counts the wrong credentials of clients, by their addresses.
type attempts struct {
	now func() time.Time

	mu      sync.Mutex
	clients map[netip.Addr]*bucket
	others  bucket
}

// bucket is full when empty of failures: each fills it a little, and time drains it.
type bucket struct {
	failures float64
	at       time.Time
}

func newAttempts(now func() time.Time) *attempts {
	return &attempts{now: now, clients: make(map[netip.Addr]*bucket)}
}

// take counts an attempt before its outcome is known, unless the client has used up its own: then wait is how long until
// the next. begins tells that it is the first of a burst.
func (a *attempts) take(client netip.Addr) (wait time.Duration, begins bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.bucket(client)
	if b.failures+1 > attemptBurst {
		return time.Duration((b.failures + 1 - attemptBurst) * float64(attemptPause)), false
	}
	b.failures++
	return 0, b.failures == 1
}

// giveBack takes an attempt back: it was none, the credential was good.
func (a *attempts) giveBack(client netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.bucket(client)
	b.failures = max(0, b.failures-1)
}

// bucket returns the client's, drained by the time that has passed.
func (a *attempts) bucket(client netip.Addr) *bucket {
	now := a.now()
	b := a.clients[client]
	if b == nil && len(a.clients) >= attemptClients {
		for other, b := range a.clients {
			if b.drain(now); b.failures == 0 {
				delete(a.clients, other)
			}
		}
	}
	switch {
	case b == nil && len(a.clients) >= attemptClients:
		b = &a.others
	case b == nil:
		b = &bucket{at: now}
		a.clients[client] = b
	}
	b.drain(now)
	return b
}

func (b *bucket) drain(now time.Time) {
	b.failures = max(0, b.failures-float64(now.Sub(b.at))/float64(attemptPause))
	b.at = now
}

// clientOf is the address that a request comes from; of IPv6 the network, of which one client may have all addresses.
func clientOf(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		network, _ := addr.Prefix(64) // never fails for an IPv6 address
		return network.Addr()
	}
	return addr
}
