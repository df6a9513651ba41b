package upload

import (
	"net"
	"net/http"
	"strconv"

	"github.com/underlay/underlay/proxy/origin"
)

// Streams tells whether the output of a command may go out while the client still sends. An nginx that gets a part of an
// answer forwards nothing more of the request: the upload would stand still for ever, with the node's pin lock. So output
// is kept back during an upload, unless the client addresses this very socket and shows that it reads while it writes: it
// asks for progress, or does not know the length of what it sends, as kubo's own clients.
func Streams(r *http.Request) bool {
	if r.ContentLength == 0 {
		return true
	}
	progress, _ := strconv.ParseBool(r.URL.Query().Get("progress")) // kubo refuses what is no truth value
	return (progress || r.ContentLength < 0) && direct(r)
}

// direct tells that no proxy stands between the client and this peer, as far as a request can show it.
func direct(r *http.Request) bool {
	if origin.ThroughProxy(r) {
		return false
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !r.ProtoAtLeast(1, 1) {
		return false
	}
	host, port, err := net.SplitHostPort(r.Host)
	if _, localPort, _ := net.SplitHostPort(local.String()); err != nil || port != localPort {
		return false
	}
	return local.IP.Equal(net.ParseIP(host)) || host == "localhost" && local.IP.IsLoopback()
}
