package origin_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/underlay/underlay/proxy/origin"
)

func TestCheck(t *testing.T) {
	const there, here = "10.0.0.1", "127.0.0.1"
	for name, c := range map[string]struct {
		method, local, host string
		header              []string
		passes              bool
	}{
		"a program":                              {"POST", there, "10.0.0.1:9095", nil, true},
		"a page of this host":                    {"POST", there, "10.0.0.1:9095", []string{"Origin", "http://10.0.0.1:9095"}, true},
		"a page of another site that changes":    {"POST", there, "10.0.0.1:9095", []string{"Origin", "http://evil.example"}, false},
		"a page that hides where it is":          {"POST", there, "10.0.0.1:9095", []string{"Origin", "null"}, false},
		"another site, by what the browser says": {"DELETE", there, "10.0.0.1:9095", []string{"Sec-Fetch-Site", "cross-site"}, false},
		"a page of another site that reads":      {"GET", there, "10.0.0.1:9095", []string{"Origin", "http://evil.example"}, true},
		"a name of this cluster":                 {"GET", there, "cluster.example", []string{"User-Agent", "Mozilla/5.0"}, true},
		"a page on loopback":                     {"GET", here, "localhost:9095", []string{"User-Agent", "Mozilla/5.0"}, true},
		"a page on loopback, by address":         {"POST", "::1", "[::1]:9095", []string{"Origin", "http://[::1]:9095"}, true},
		"a rebound page that changes":            {"POST", here, "evil.example:9095", []string{"Origin", "http://evil.example:9095"}, false},
		"a rebound page that reads":              {"GET", here, "evil.example:9095", []string{"User-Agent", "Mozilla/5.0"}, false},
		"a rebound page that tells its address":  {"GET", here, "evil.example:9095", []string{"Referer", "http://evil.example:9095/"}, false},
		"a program that has a name for loopback": {"POST", here, "peer.example:9095", nil, true},
		"a proxy on this machine":                {"POST", here, "cluster.example", []string{"Sec-Fetch-Site", "same-origin", "X-Forwarded-For", "10.0.0.9"}, true},
	} {
		r := httptest.NewRequest(c.method, "/", nil)
		r.Host = c.host
		for i := 0; i < len(c.header); i += 2 {
			r.Header.Set(c.header[i], c.header[i+1])
		}
		local := &net.TCPAddr{IP: net.ParseIP(c.local), Port: 9095}
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, local))
		if err := origin.Check(r); (err == nil) != c.passes {
			t.Errorf("%s: %v", name, err)
		}
	}
}
