package forwarded

import (
	"net/http"
	"net/netip"
	"strings"
)

// claim is what the trusted headers of a request say.
type claim struct {
	hops        []string // addresses as they stand, the nearest last
	host, proto string   // empty: nothing that can be used
}

// read takes from the headers what the proxies are trusted with. The standard header goes before the others.
func (l layer) read(h http.Header) claim {
	var c claim
	if l.trusts[For] {
		c.hops = elements(h[For])
	}
	if l.trusts[Host] {
		c.host = last(elements(h[Host]))
	}
	if l.trusts[Proto] {
		c.proto = last(elements(h[Proto]))
	}
	if l.trusts[Standard] {
		c.readStandard(elements(h[Standard]))
	}
	if !isHost(c.host) {
		c.host = ""
	}
	if c.proto = strings.ToLower(c.proto); c.proto != "http" && c.proto != "https" {
		c.proto = ""
	}
	return c
}

// readStandard reads the elements of RFC 7239, such as for="[2001:db8::1]:80";proto=https.
func (c *claim) readStandard(list []string) {
	if len(list) == 0 {
		return
	}
	c.hops = nil
	for _, element := range list {
		hop := ""
		for pair := range strings.SplitSeq(element, ";") {
			name, value, _ := strings.Cut(pair, "=")
			value = strings.Trim(strings.TrimSpace(value), `"`)
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "for":
				hop = value
			case "host":
				c.host = value
			case "proto":
				c.proto = value
			}
		}
		c.hops = append(c.hops, hop)
	}
}

// elements splits a list that may be spread over several headers.
func elements(values []string) []string {
	var list []string
	for _, v := range values {
		for e := range strings.SplitSeq(v, ",") {
			list = append(list, strings.TrimSpace(e))
		}
	}
	return list
}

// last is what the nearest proxy has said.
func last(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}

// parseHop reads an address with or without a port, as different proxies write it.
func parseHop(s string) (netip.Addr, bool) {
	if withPort, err := netip.ParseAddrPort(s); err == nil {
		return withPort.Addr().Unmap(), true
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	return addr.Unmap(), err == nil
}

// isHost accepts what may stand in a Host header: a name or an address, with a port or without.
func isHost(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-._:[]", r):
			return false
		}
		return true
	})
}
