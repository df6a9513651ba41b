// Package origin keeps pages of other sites from using a private API through the browser of somebody who may: a browser sends
// basic auth along for any page, and on loopback nothing is asked for at all.
//
// Start reading at [Check].
package origin

import (
	"fmt"
	"net"
	"net/http"
	"strings"
)

// Check returns an error for a request that a browser makes for a page of another site and that may change something, and for
// every request of a page that was loaded under a name which has been made to lead to this machine since.
func Check(r *http.Request) error {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return err
	}
	if fromBrowser(r) {
		return CheckHost(r)
	}
	return nil
}

// CheckHost refuses a request that comes over loopback under a name that does not mean this machine. Who forwards others'
// requests to it must say so, as proxies do.
func CheckHost(r *http.Request) error {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !local.IP.IsLoopback() {
		return nil
	}
	if ThroughProxy(r) { // on this machine, which other machines reach
		return nil
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("a page of %s, which now leads to this machine, may not use its API", r.Host)
}

// ThroughProxy tells that a request has come through a proxy, which has said so.
func ThroughProxy(r *http.Request) bool {
	for _, added := range []string{"Forwarded", "Via", "X-Forwarded-For", "X-Real-Ip"} {
		if r.Header.Get(added) != "" {
			return true
		}
	}
	return false
}

// fromBrowser tells that a page may have made a request. Without TLS a browser says little of where a request comes from:
// one that reads, of a page to its own host, is known by the browser's name alone.
func fromBrowser(r *http.Request) bool {
	for _, name := range []string{"Origin", "Sec-Fetch-Site", "Referer"} {
		if r.Header.Get(name) != "" {
			return true
		}
	}
	return strings.HasPrefix(r.UserAgent(), "Mozilla/")
}
