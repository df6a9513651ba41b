package config

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestLimitsAreChecked(t *testing.T) {
	good := Default(func(string) (string, bool) { return "/home/peer", true })
	for _, c := range []struct {
		name string
		edit func(*Gateway)
		says string // empty: no fault
	}{
		{"the defaults", func(*Gateway) {}, ""},
		{"a retrieval timeout as long as balancers wait", func(g *Gateway) { g.RetrievalTimeout = time.Minute }, "gateway.retrieval_timeout: must be below 1m0s"},
		{"just below", func(g *Gateway) { g.RetrievalTimeout = 59 * time.Second }, ""},
		{"no bounds", func(g *Gateway) { g.ClientRate, g.MaxConnections, g.MinSendRate = 0, 0, 0 }, ""},
		{"a negative bound", func(g *Gateway) { g.MaxPathDepth = -1 }, "gateway.max_path_depth: must be at least 2"},
		{"a listing of nothing", func(g *Gateway) { g.MaxDirectoryEntries = 0 }, "gateway.max_directory_entries: must be at least 1"},
		{"no burst", func(g *Gateway) { g.ClientBurst = 0 }, "gateway.client_burst: must be at least 1"},
		{"addresses and prefixes", func(g *Gateway) { g.TrustedProxies = []string{"10.0.0.0/16", "192.0.2.1", "2001:db8::/32", "::1"} }, ""},
		{"no address", func(g *Gateway) { g.TrustedProxies = []string{"10.0.0.1", "balancer"} }, "gateway.trusted_proxies[1]: must be an address"},
		{"no prefix", func(g *Gateway) { g.UnlimitedClients = []string{"10.0.0.0/33"} }, "gateway.unlimited_clients[0]: must be an address"},
		{"a header", func(g *Gateway) { g.TrustedHeaders = []string{"forwarded"} }, ""},
		{"another header", func(g *Gateway) { g.TrustedHeaders = []string{"X-Real-IP"} }, "gateway.trusted_headers[0]: must be"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf := good
			c.edit(&conf.Gateway)
			err := conf.Validate()
			if c.says == "" && err != nil {
				t.Error(err)
			}
			if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}

func TestPrefixes(t *testing.T) {
	got := Prefixes([]string{"10.0.0.0/16", "192.0.2.1", "::1", "::ffff:192.0.2.2"})
	want := []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/16"), netip.MustParsePrefix("192.0.2.1/32"),
		netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("192.0.2.2/32"),
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
