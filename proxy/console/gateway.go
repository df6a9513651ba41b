package console

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Gateway says where people open content.
type Gateway struct {
	URL  string // of a gateway for everybody; empty: there is only this peer's own
	Port string // of this peer's own, which is reached under the name that the console is
}

// content is where something is opened; name, which may be empty, is what it is called.
func (g Gateway) content(r *http.Request, cid, name string) string {
	at := g.URL
	if at == "" {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = strings.Trim(r.Host, "[]")
		}
		at = "http://" + net.JoinHostPort(host, g.Port)
	}
	at += "/ipfs/" + url.PathEscape(cid)
	if name != "" {
		at += "?" + url.Values{"filename": {name}}.Encode()
	}
	return at
}
