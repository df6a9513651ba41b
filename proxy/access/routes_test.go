package access

import (
	"net/http/httptest"
	"strings"
	"testing"

	cmds "github.com/ipfs/go-ipfs-cmds"
	corecommands "github.com/ipfs/kubo/core/commands"
)

// A command that is new in kubo must be given a scope, one that is gone loses its own, and none is listed twice.
func TestEveryCommandHasAScope(t *testing.T) {
	listed := make(map[string]bool)
	for _, list := range commandTable() {
		for name := range strings.FieldsSeq(list) {
			if listed[name] {
				t.Errorf("command %s is listed twice", name)
			}
			listed[name] = true
		}
	}
	var walk func(path string, c *cmds.Command)
	walk = func(path string, c *cmds.Command) {
		if c.NoRemote {
			return
		}
		if path != "" && c.Run != nil {
			if !listed[path] {
				t.Errorf("command %s is not in the table", path)
			}
			delete(listed, path)
		}
		for name, sub := range c.Subcommands {
			walk(strings.TrimPrefix(path+"/"+name, "/"), sub)
		}
	}
	walk("", corecommands.Root)
	for name := range listed {
		t.Errorf("kubo has no command %s", name)
	}
}

// Nobody finds a name for a route or command by which it needs less.
func TestNamesOfRoutes(t *testing.T) {
	n := newNeeds()
	for _, c := range []struct {
		method, target string
		want           Scopes
	}{
		{"POST", "/api/v0/pin/ls", Read},
		{"POST", "/api/v0/pin/ls/", Read},
		{"POST", "/api/v0/pin/ls/bafy", Read},
		{"POST", "/api/v0/refs/local", Read},
		{"POST", "/api/v0/refs/bafy", Read},
		{"POST", "/api/v0/pin", Admin},
		{"POST", "/api/v0/", Admin},
		{"POST", "/api/v0", Admin},
		{"POST", "/api/v0/pin/../config/show", Admin},
		{"POST", "/api/v0/cat/../config/show", Admin},
		{"POST", "/api/v0/cat/%2e%2e/config/show", Admin},
		{"POST", "//api/v0/cat", Admin},
		{"POST", "/api/v0//cat", Admin},
		{"POST", "/api/v0/CAT", Admin},
		{"POST", "/api/v0/config", Admin},
		{"POST", "/api/v0/bootstrap/rm/all", Admin},
		{"POST", "/api/v0/swarm/filters", Read},
		{"POST", "/api/v0/swarm/filters/add", Admin},
		{"POST", "/api/v0/swarm%2Ffilters%2Fadd", Admin},
		{"POST", "/API/v0/cat", Admin},
		{"GET", "/health", open},
		{"GET", "/healthz", open},
		{"GET", "/readyz", open},
		{"POST", "/readyz", Admin},
		{"GET", "/health/", open},
		{"GET", "/health/../peers", Admin},
		{"GET", "/health%2F..%2Fpeers", Admin},
		{"POST", "/health", Admin},
		{"GET", "/health/graph", Read},
		{"GET", "/pins/x/", Read},
		{"GET", "/pins%2Fx", Read},
		{"POST", "/pins/recover", Pin},
		{"POST", "/pins/rebalance", Admin},
		{"GET", "/events", Read},
		{"POST", "/pins/ipfs/x/a/b", Pin},
		{"DELETE", "/pins/ipns/x", Pin},
		{"DELETE", "/peers/x", Admin},
		{"PATCH", "/pins/x", Admin},
		{"GET", "/access/self", Read},
		{"GET", "/access/tokens", Admin},
		{"GET", "/access/self/", Read},
		{"POST", "/access/self", Admin},
		{"GET", "/token", Admin},
		{"GET", "/", Admin},
		{"GET", "/nothing", Admin},
	} {
		if got, _ := n.of(httptest.NewRequest(c.method, c.target, nil)); got != c.want {
			t.Errorf("%s %s needs %q, want %q", c.method, c.target, got, c.want)
		}
	}
}
