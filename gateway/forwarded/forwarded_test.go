package forwarded

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// seen is what the handler behind the layer learns of a request.
type seen struct {
	client Client
	remote string
	header http.Header
}

// pass sends a request with header lines through the layer.
func pass(o Options, remote string, lines ...string) seen {
	var got seen
	h := New(o, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = seen{From(r.Context()), r.RemoteAddr, r.Header}
	}))
	r := httptest.NewRequest("GET", "/ipfs/x", nil)
	r.RemoteAddr = remote
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	h.ServeHTTP(httptest.NewRecorder(), r)
	return got
}

func prefixes(list ...string) []netip.Prefix {
	var found []netip.Prefix
	for _, p := range list {
		found = append(found, netip.MustParsePrefix(p))
	}
	return found
}

func TestClientAddress(t *testing.T) {
	trusted := Options{Proxies: prefixes("10.0.0.0/8", "2001:db8:ffff::/48"), Headers: []string{For, Host, Proto}}
	standard := Options{Proxies: trusted.Proxies, Headers: []string{Standard}}
	for _, c := range []struct {
		name    string
		options Options
		remote  string
		lines   []string
		addr    string
		proxy   bool
	}{
		{"nothing said", trusted, "192.0.2.1:5", nil, "192.0.2.1", false},
		{"a stranger is not believed", trusted, "192.0.2.1:5", []string{"X-Forwarded-For: 198.51.100.7"}, "192.0.2.1", false},
		{"nobody is believed by default", Options{}, "127.0.0.1:5", []string{"X-Forwarded-For: 198.51.100.7"}, "127.0.0.1", false},
		{"a proxy is", trusted, "10.1.2.3:5", []string{"X-Forwarded-For: 198.51.100.7"}, "198.51.100.7", false},
		{"a proxy in IPv6 form", trusted, "[::ffff:10.1.2.3]:5", []string{"X-Forwarded-For: 198.51.100.7"}, "198.51.100.7", false},
		{"what the client said before it is not", trusted, "10.1.2.3:5", []string{"X-Forwarded-For: 1.1.1.1, 198.51.100.7"}, "198.51.100.7", false},
		{"two headers are one list", trusted, "10.1.2.3:5", []string{"X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 198.51.100.7"}, "198.51.100.7", false},
		{"through two proxies", trusted, "10.1.2.3:5", []string{"X-Forwarded-For: 1.1.1.1, 198.51.100.7, 10.9.9.9"}, "198.51.100.7", false},
		{"proxies only", trusted, "10.1.2.3:5", []string{"X-Forwarded-For: 10.7.7.7, 10.9.9.9"}, "10.7.7.7", true},
		{"a health check", trusted, "10.1.2.3:5", nil, "10.1.2.3", true},
		{"with a port", trusted, "10.1.2.3:5", []string{"X-Forwarded-For: 198.51.100.7:4433"}, "198.51.100.7", false},
		{"IPv6", trusted, "[2001:db8:ffff::1]:5", []string{"X-Forwarded-For: 2001:db8::7"}, "2001:db8::7", false},
		{"IPv6 with a port", trusted, "10.1.2.3:5", []string{"X-Forwarded-For: [2001:db8::7]:4433"}, "2001:db8::7", false},
		{"garbage ends the walk", trusted, "10.1.2.3:5", []string{"X-Forwarded-For: 198.51.100.7, unknown, 10.9.9.9"}, "10.9.9.9", true},
		{"a header that the proxy only passes on", trusted, "10.1.2.3:5", []string{"Forwarded: for=198.51.100.7"}, "10.1.2.3", true},
		{"the standard header", standard, "10.1.2.3:5", []string{`Forwarded: for=1.1.1.1, For="[2001:db8::7]:4433";proto=https`}, "2001:db8::7", false},
		{"the standard header hides its client", standard, "10.1.2.3:5", []string{`Forwarded: for=1.1.1.1, proto=https`}, "10.1.2.3", true},
		{"the standard header alone", standard, "10.1.2.3:5", []string{"X-Forwarded-For: 198.51.100.7"}, "10.1.2.3", true},
		{"a Unix socket", trusted, "@", []string{"X-Forwarded-For: 198.51.100.7"}, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := pass(c.options, c.remote, c.lines...)
			addr := ""
			if got.client.Addr.IsValid() {
				addr = got.client.Addr.String()
			}
			if addr != c.addr || got.client.Proxy != c.proxy {
				t.Errorf("client %s, proxy %v; want %s, %v", addr, got.client.Proxy, c.addr, c.proxy)
			}
			if addr != "" && !strings.HasPrefix(strings.Trim(got.remote, "["), addr) && !strings.Contains(got.remote, "ffff:"+addr) {
				t.Errorf("RemoteAddr is %s", got.remote)
			}
		})
	}
}

func TestHeadersThatReachTheHandler(t *testing.T) {
	all := []string{
		"X-Forwarded-For: 198.51.100.7", "X-Forwarded-Host: evil.example, site.example:8080", "X-Forwarded-Proto: http, HTTPS",
		"X-Forwarded-Server: inner", "X-Real-IP: 1.1.1.1", "Forwarded: host=standard.example;proto=http", "Accept: text/html",
	}
	proxies := prefixes("10.0.0.0/8")
	for _, c := range []struct {
		name        string
		options     Options
		remote      string
		lines       []string
		host, proto string
	}{
		{"from a stranger", Options{proxies, Headers()}, "192.0.2.1:5", all, "", ""},
		{"with nobody trusted", Options{}, "10.0.0.1:5", all, "", ""},
		{"from a proxy", Options{proxies, []string{For, Host, Proto}}, "10.0.0.1:5", all, "site.example:8080", "https"},
		{"trusted with the address alone", Options{proxies, []string{For}}, "10.0.0.1:5", all, "", ""},
		{"names in another case", Options{proxies, []string{"x-forwarded-host"}}, "10.0.0.1:5", all, "site.example:8080", ""},
		{"the standard header", Options{proxies, []string{Standard}}, "10.0.0.1:5", all, "standard.example", "http"},
		{"no host name", Options{proxies, []string{Host, Proto}}, "10.0.0.1:5", []string{"X-Forwarded-Host: a/b?c", "X-Forwarded-Proto: gopher"}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := pass(c.options, c.remote, c.lines...).header
			if h.Get(Host) != c.host || h.Get(Proto) != c.proto {
				t.Errorf("host %q, proto %q; want %q, %q", h.Get(Host), h.Get(Proto), c.host, c.proto)
			}
			for _, gone := range []string{For, Standard, "X-Forwarded-Server", "X-Real-Ip"} {
				if h.Get(gone) != "" {
					t.Errorf("%s is %q", gone, h.Get(gone))
				}
			}
		})
	}
}

func TestClientsAreCountedByNetwork(t *testing.T) {
	for _, c := range []struct{ a, b string }{
		{"2001:db8::1", "2001:db8::ffff:1:2:3"},
		{"fe80::1%eth0", "fe80::2%eth1"},
	} {
		if a, b := key(c.a), key(c.b); a != b {
			t.Errorf("%s counts as %s, %s as %s", c.a, a, c.b, b)
		}
	}
	for _, c := range []struct{ a, b string }{{"2001:db8::1", "2001:db8:0:1::1"}, {"192.0.2.1", "192.0.2.2"}} {
		if a, b := key(c.a), key(c.b); a == b {
			t.Errorf("%s and %s both count as %s", c.a, c.b, a)
		}
	}
}

func key(addr string) netip.Addr { return Client{Addr: netip.MustParseAddr(addr)}.Key() }

func FuzzHeaders(f *testing.F) {
	f.Add("1.1.1.1, [2001:db8::7]:4433", "a.example", `for="[2001:db8::7]";host=x`)
	o := Options{prefixes("10.0.0.0/8"), Headers()}
	f.Fuzz(func(t *testing.T, addresses, host, standard string) {
		got := pass(o, "10.0.0.1:5", For+": "+addresses, Host+": "+host, Standard+": "+standard)
		if !got.client.Addr.IsValid() {
			t.Error("no address")
		}
		if h := got.header.Get(Host); h != "" && !isHost(h) {
			t.Errorf("host %q", h)
		}
	})
}
