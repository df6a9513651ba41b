package rpcdiff

import (
	"net/http"
	"testing"

	"github.com/underlay/underlay/internal/itest"
)

// Kubo's own users and what they may call (API.Authorizations) hold for every command, those that the cluster serves in
// its own way included.
func TestAuthorization(t *testing.T) {
	users := map[string]any{"API": map[string]any{"Authorizations": map[string]any{
		"alice": map[string]any{"AuthSecret": "basic:alice:wonder", "AllowedPaths": []any{"/api/v0/add", "/api/v0/pin"}},
		"bob":   map[string]any{"AuthSecret": "bearer:token", "AllowedPaths": []any{"/api/v0"}},
		// Of the test itself, which looks at the pinset in the end: the REST API is closed too, but for the paths that are named.
		"test": map[string]any{"AuthSecret": "bearer:test", "AllowedPaths": []any{"/allocations"}},
	}}}
	one := itest.Start(t, "--config", settingsFile(t, users), "--peers", "1")
	one.As("test")
	repo := nodeRepo(one, one.Peers[0])
	kubo := kuboTarget(t, readConfig(t, repo+"/config"), users)
	ours := []*target{peersTarget(t, onePeer, one, newTurns(one.Peers[0].API))}
	known := differences()
	for _, c := range authorizationCases() {
		t.Run(c.name, func(t *testing.T) { check(t, c, kubo, ours, known) })
	}
}

func authorizationCases() []testCase {
	const alice, bob = "Basic YWxpY2U6d29uZGVy", "Bearer token"
	var all []testCase
	for _, user := range []struct{ name, header string }{
		{"nobody", ""}, {"somebody", "Bearer guess"}, {"alice", alice}, {"bob", bob},
	} {
		as := func(s step) step {
			if user.header != "" {
				s = s.header("Authorization", user.header)
			}
			return s
		}
		all = append(all, testCase{"authorization of " + user.name, []step{
			as(rpc("version")),
			as(rpc("id")).mask(maskID...),
			as(rpc("add").with(content("authorization of " + user.name))),
			as(rpc("pin/ls")),
			as(rpc("repo/stat", "size-only=true")).mask(maskRepoStat...),
			as(rpc("repo/gc", "quiet=true")),
			as(rpc("refs/local")).omit("body"),
			as(rpc("block/rm", "arg="+absentCID)),
			as(rpc("id")).by(http.MethodGet).named("GET"),
			as(rpc("pin/ls")).by(http.MethodOptions).header("Origin", "http://localhost:1", "Access-Control-Request-Method", "POST").named("preflight"),
		}})
	}
	return all
}
