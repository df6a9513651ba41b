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

// attempts counts the wrong credentials of clients.
type attempts struct {
	now func() time.Time

	mu      sync.Mutex
	clients map[client]*bucket
	others  bucket
}

// client is whom attempts are counted for: an address, and what it sends. A program that goes on with a token that was
// revoked does not keep people from the same address from their passwords.
type client struct {
	addr netip.Addr
	kind string
}

// bucket is full when empty of failures: each fills it a little, and time drains it.
type bucket struct {
	failures float64
	at       time.Time
}

func newAttempts(now func() time.Time) *attempts {
	return &attempts{now: now, clients: make(map[client]*bucket)}
}

// take counts an attempt before its outcome is known, unless the client has used up its own: then wait is how long until
// the next. begins tells that it is the first of a burst.
func (a *attempts) take(c client) (wait time.Duration, begins bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.bucket(c)
	if b.failures+1 > attemptBurst {
		return time.Duration((b.failures + 1 - attemptBurst) * float64(attemptPause)), false
	}
	b.failures++
	return 0, b.failures == 1
}

// giveBack takes an attempt back: it was none, the credential was good.
func (a *attempts) giveBack(c client) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.bucket(c)
	b.failures = max(0, b.failures-1)
}

// bucket returns the client's, drained by the time that has passed.
func (a *attempts) bucket(c client) *bucket {
	now := a.now()
	b := a.clients[c]
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
		a.clients[c] = b
	}
	b.drain(now)
	return b
}

func (b *bucket) drain(now time.Time) {
	b.failures = max(0, b.failures-float64(now.Sub(b.at))/float64(attemptPause))
	b.at = now
}

// addressOf is where a request comes from; of IPv6 the network, of which one client may have all addresses.
func addressOf(r *http.Request) netip.Addr {
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
