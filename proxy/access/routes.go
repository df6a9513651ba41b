package access

import (
	"net/http"
	"net/url"
	"path"
	"strings"
)

// open is the need of what everybody may ask.
const open Scopes = 0

// commandTable lists kubo's commands by what they need. A command that is not in it needs Admin, and so does one whose
// scope is not obvious: these make the node write to the network, or show what others ask of it.
func commandTable() map[Scopes]string {
	return map[Scopes]string{
		Read: `
			bitswap/ledger bitswap/stat bitswap/wantlist block/get block/stat bootstrap bootstrap/list cat
			cid/base32 cid/bases cid/codecs cid/format cid/hashes cid/inspect commands
			dag/export dag/get dag/resolve dag/stat dht/findpeer dht/findprovs dht/get dht/query diag/healthy
			files/ls files/read files/stat filestore/dups filestore/ls filestore/verify get id key/list key/ls key/verify ls
			multibase/decode multibase/encode multibase/list multibase/transcode name/get name/inspect name/pubsub/state
			name/pubsub/subs name/resolve object/data object/diff object/get object/links object/stat
			p2p/ls p2p/stream/ls pin/ls pin/verify ping provide/stat pubsub/ls pubsub/peers refs refs/local
			repo/ls repo/stat repo/version resolve routing/findpeer routing/findprovs routing/get
			stats/bitswap stats/bw stats/dht stats/provide stats/repo stats/reprovide
			swarm/addrs swarm/addrs/autonat swarm/addrs/listen swarm/addrs/local swarm/filters swarm/peering/ls swarm/peers
			swarm/resources version version/check version/deps`,
		Pin: `pin/add pin/rm pin/update provide/once routing/provide dht/provide`,
		Add: `
			add block/put dag/import dag/put object/new object/put
			object/patch/add-link object/patch/append-data object/patch/rm-link object/patch/set-data`,
		Add | Pin: `
			files/chcid files/chmod files/cp files/flush files/mkdir files/mv files/rm files/touch files/write
			name/publish name/put`,
		Admin: `
			bitswap/reprovide block/rm bootstrap/add bootstrap/rm bootstrap/rm/all config config/profile/apply config/replace
			config/show dht/put diag/cmds diag/cmds/clear diag/cmds/set-time diag/profile diag/sys
			key/gen key/import key/rename key/rm key/sign log/level log/ls log/tail mount name/pubsub/cancel
			p2p/close p2p/forward p2p/listen p2p/stream/close pin/remote/add pin/remote/ls pin/remote/rm
			pin/remote/service/add pin/remote/service/ls pin/remote/service/rm provide/clear pubsub/pub pubsub/reset pubsub/sub
			repo/gc repo/verify routing/put routing/reprovide shutdown swarm/connect swarm/disconnect
			swarm/filters/add swarm/filters/rm swarm/peering/add swarm/peering/rm`,
	}
}

// routeTable lists all other routes, in the form of http.ServeMux, by what they need. A request that matches none needs
// Admin.
func routeTable() map[string]Scopes {
	return map[string]Scopes{
		"GET /health":               open,
		"GET /healthz":              open,
		"GET /readyz":               open,
		"GET /id":                   Read,
		"GET /version":              Read,
		"GET /peers":                Read,
		"POST /peers":               Admin,
		"DELETE /peers/{peer}":      Admin,
		"POST /add":                 Add,
		"GET /allocations":          Read,
		"GET /allocations/{hash}":   Read,
		"GET /pins":                 Read,
		"GET /pins/{hash}":          Read,
		"POST /pins":                Pin,
		"POST /pins/rebalance":      Admin,
		"GET /events":               Read,
		"GET /overview":             Read,
		"POST /pins/{rest...}":      Pin,
		"DELETE /pins/{rest...}":    Pin,
		"POST /ipfs/gc":             Admin,
		"GET /health/graph":         Read,
		"GET /health/alerts":        Read,
		"GET /health/bandwidth":     Read,
		"GET /health/consensus":     Read,
		"GET " + metricsPath:        Read,
		"GET " + historyPath:        Read,
		"GET /monitor/metrics":      Read,
		"GET /monitor/metrics/{id}": Read,
		"GET /backup":               Admin,
		"POST /restore":             Admin,
		"GET /deny":                 Read,
		"POST /deny":                Admin,
		"DELETE /deny":              Admin,
		"GET /psa/pins":             Read,
		"GET /psa/pins/{id}":        Read,
		"POST /psa/pins":            Pin,
		"POST /psa/pins/{id}":       Pin,
		"DELETE /psa/pins/{id}":     Pin,
		"GET /ui":                   Read,
		"GET /ui/{rest...}":         Read,
		"GET /debug/pprof/{name}":   Admin,
		"GET /debug/diag":           Admin,
		"POST /ui/pins/{rest...}":   Pin,
		"POST /ui/add":              Add,
		"POST /ui/files/{rest...}":  Add | Pin,
		"GET /access/self":          Read,
		"POST /token":               Read,
		"GET /access/{rest...}":     Admin,
		"POST /access/{rest...}":    Admin,
		"PUT /access/{rest...}":     Admin,
		"DELETE /access/{rest...}":  Admin,
	}
}

// apiPath is where kubo's commands are.
const apiPath = "/api/v0/"

// Where a peer's metrics are, and what it remembers of them.
const (
	metricsPath = "/metrics"
	historyPath = "/metrics/history"
)

// endless tells that a request goes on for as long as its client wants, or may take so long that it comes to the same: it
// tells what happens, or how all pins stand.
func endless(r *http.Request) bool {
	if command, ok := strings.CutPrefix(r.URL.Path, apiPath); ok {
		switch strings.TrimSuffix(command, "/") {
		case "log/tail", "pubsub/sub", "stats/bw", "ping", "diag/profile":
			return true
		}
		return false
	}
	if r.Method != http.MethodGet {
		return false
	}
	switch strings.TrimSuffix(r.URL.Path, "/") {
	case "/events", "/pins", "/allocations", "/debug/pprof/profile", "/debug/pprof/trace", "/debug/diag":
		return true
	}
	return false
}

// needs finds what a request needs.
type needs struct {
	commands map[string]Scopes
	known    *http.ServeMux
	routes   map[string]Scopes
}

func newNeeds() *needs {
	n := &needs{commands: make(map[string]Scopes), known: http.NewServeMux(), routes: routeTable()}
	for scopes, list := range commandTable() {
		for command := range strings.FieldsSeq(list) {
			n.commands[command] = scopes
		}
	}
	for pattern := range n.routes {
		n.known.Handle(pattern, http.NotFoundHandler()) // only ever asked which pattern matches
	}
	return n
}

// of returns what a request needs, and whether that stands in a table. Handlers redirect from paths that are not in their
// shortest form, and here they are unknown: nobody may find a name for a route by which it needs less.
func (n *needs) of(r *http.Request) (need Scopes, known bool) {
	p := r.URL.Path
	if clean := path.Clean("/" + p); clean != p && clean+"/" != p {
		return Admin, false
	}
	if command, ok := strings.CutPrefix(p, apiPath); ok {
		return n.ofCommand(command)
	}
	if p != "/" {
		p = strings.TrimSuffix(p, "/")
	}
	_, pattern := n.known.Handler(&http.Request{Method: r.Method, URL: &url.URL{Path: p}}) // as it is decoded: so the router reads it
	if need, ok := n.routes[pattern]; ok {
		return need, true
	}
	return Admin, false
}

// Route names what a request is for as it stands in the tables: the name of one of kubo's commands, or a path with its
// parameters in braces; empty if it stands in none.
func (g *Guard) Route(method, path string) string { return g.needs.route(method, path) }

func (n *needs) route(method, path string) string {
	if command, ok := strings.CutPrefix(path, apiPath); ok {
		name, _ := n.command(command)
		return name
	}
	_, pattern := n.known.Handler(&http.Request{Method: method, URL: &url.URL{Path: path}})
	_, route, _ := strings.Cut(pattern, " ")
	return route
}

// ofCommand returns what a command needs.
func (n *needs) ofCommand(p string) (need Scopes, known bool) {
	if name, known := n.command(p); known {
		return n.commands[name], true
	}
	return Admin, false
}

// command finds a command as kubo does: what follows its name is an argument. A name that others continue is looked up
// only when none of those is meant, so refs/local is not taken for the command refs on a path called local.
func (n *needs) command(p string) (name string, known bool) {
	p = strings.TrimSuffix(p, "/")
	for {
		if _, ok := n.commands[p]; ok {
			return p, true
		}
		cut := strings.LastIndexByte(p, '/')
		if cut < 0 {
			return "", false
		}
		p = p[:cut]
	}
}
