package rpc

import (
	"net/http"

	"github.com/underlay/underlay/proxy/member"
)

// members asks the members of the cluster about their nodes.
type members struct{ member.Group }

// named is the peer that a request is for. For the size of one node there is a parameter, too.
func named(r *http.Request) string {
	name := member.Named(r)
	if command := commandOf(r); name == "" && (command == "repo/stat" || command == "stats/repo") {
		name = r.URL.Query().Get("peer")
	}
	return name
}
