package forwarded

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Names of the headers that a proxy may be trusted with.
const (
	For      = "X-Forwarded-For"
	Host     = "X-Forwarded-Host"
	Proto    = "X-Forwarded-Proto"
	Standard = "Forwarded" // RFC 7239: all of the above in one
)

// Headers are the names that Options.Headers may hold.
func Headers() []string { return []string{For, Host, Proto, Standard} }

// Options say who is believed.
type Options struct {
	Proxies []netip.Prefix // whose connections may speak for others; none: nobody's
	Headers []string       // what they set themselves, of Headers()
}

// Client is who makes a request.
type Client struct {
	// Addr is the client's address: that of the connection, or what trusted proxies say. It is invalid for a connection
	// without an address, such as a Unix socket.
	Addr netip.Addr
	// Proxy says that Addr is itself a trusted proxy, which asks on its own behalf, as health checks do.
	Proxy bool
}

// Key is the client's address as it is counted: whoever has an IPv6 network usually has 2^64 addresses of it.
func (c Client) Key() netip.Addr {
	if !c.Addr.Is6() {
		return c.Addr
	}
	prefix, err := c.Addr.WithZone("").Prefix(64)
	if err != nil {
		return c.Addr
	}
	return prefix.Addr()
}

type clientKey struct{}

// From returns who makes the request of this context. It is the zero Client if the request did not pass the handler of New.
func From(ctx context.Context) Client {
	c, _ := ctx.Value(clientKey{}).(Client)
	return c
}

// New puts into the context of each request who makes it, for From, and into RemoteAddr for log lines. The forwarding
// headers that next sees are true, and each has a single value.
func New(o Options, next http.Handler) http.Handler {
	l := layer{proxies: o.Proxies, trusts: make(map[string]bool), next: next}
	for _, name := range o.Headers {
		l.trusts[http.CanonicalHeaderKey(name)] = true
	}
	return l
}

type layer struct {
	proxies []netip.Prefix
	trusts  map[string]bool // by name of the header
	next    http.Handler
}

// ServeHTTP implements http.Handler.
func (l layer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	peer, _ := netip.ParseAddrPort(r.RemoteAddr) // the zero address is in no prefix
	client := Client{Addr: peer.Addr().Unmap()}
	said := take(r.Header)
	if l.isProxy(client.Addr) {
		claim := l.read(said)
		client = l.origin(client.Addr, claim.hops)
		if claim.host != "" {
			r.Header.Set(Host, claim.host)
		}
		if claim.proto != "" {
			r.Header.Set(Proto, claim.proto)
		}
		r.RemoteAddr = netip.AddrPortFrom(client.Addr, 0).String()
	}
	l.next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), clientKey{}, client)))
}

// take removes the forwarding headers, and what other proxies use in their place, and returns them. Most requests have none.
func take(h http.Header) http.Header {
	var taken http.Header
	for name, values := range h {
		if name != Standard && name != "X-Real-Ip" && !strings.HasPrefix(name, "X-Forwarded-") {
			continue
		}
		if taken == nil {
			taken = make(http.Header)
		}
		taken[name] = values
		delete(h, name)
	}
	return taken
}

func (l layer) isProxy(a netip.Addr) bool {
	return slices.ContainsFunc(l.proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// origin walks the hops from the last, which the proxy at addr has noted itself, and ends at the first that is no proxy:
// what stands before that one is hearsay. A hop that is no address ends the walk at the proxy that noted it.
func (l layer) origin(addr netip.Addr, hops []string) Client {
	for _, hop := range slices.Backward(hops) {
		next, ok := parseHop(hop)
		if !ok {
			break
		}
		addr = next
		if !l.isProxy(addr) {
			return Client{Addr: addr}
		}
	}
	return Client{Addr: addr, Proxy: true}
}
