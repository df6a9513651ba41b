package console

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Gateway says where people find the gateway of this cluster.
type Gateway struct {
	URL  string // empty: at the host at which they find the console
	Port string // there
}

// link leads to a path such as /ipfs/CID on the gateway.
func (g Gateway) link(r *http.Request, path string) string {
	if g.URL != "" {
		return strings.TrimSuffix(g.URL, "/") + (&url.URL{Path: path}).EscapedPath()
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	at := url.URL{Scheme: "http", Host: net.JoinHostPort(strings.Trim(host, "[]"), g.Port), Path: path}
	return at.String()
}
