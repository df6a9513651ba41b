package rpc

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"

	kuboconfig "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/proxy/member"
	"github.com/underlay/underlay/proxy/proxytest"
)

// Every answer of kubo's commands says who gave it, in a header that scripts of other sites may read.
func TestRPCAnswersNameTheirPeer(t *testing.T) {
	r := newRPCRig(t)
	for _, command := range []string{"id", "no/such/command", "shutdown", "repo/gc"} {
		reply := r.post(command, nil)
		if got := reply.Header.Get(member.Header); got != r.self.ID().String() {
			t.Errorf("%s is answered by %q", command, got)
		}
	}
	if got := r.post("id", nil).Header.Get(member.ExposeHeader); !strings.HasSuffix(got, ", "+member.Header) {
		t.Errorf("exposed are %q", got)
	}
}

// Who may do what is checked by the peer that a client came to, also for a peer that it names; what the peers ask each
// other for that needs no authorization, and is not there for clients.
func TestAuthorizationsHoldForTheWholeCluster(t *testing.T) {
	network := proxytest.NewNetwork()
	allow := func(conf *kuboconfig.Config) {
		conf.API.Authorizations = map[string]*kuboconfig.RPCAuthScope{
			"me": {AuthSecret: "bearer:token", AllowedPaths: []string{"/api/v0/cat", "/api/v0/repo"}},
		}
	}
	here := joinRPC(t, network, "here", nil, allow)
	there := joinRPC(t, network, "there", here.pinset, allow)
	file := merkledag.NodeWithData(unixfs.FilePBData([]byte("content"), 7))
	there.store(file)
	cat := here.Command("cat", []string{file.Cid().String()}, "offline", "true")
	for _, c := range []struct {
		name, target string
		header       []string
		want         int
	}{
		{"with the token", cat, []string{"Authorization", "Bearer token"}, http.StatusOK},
		{"without", cat, nil, http.StatusForbidden},
		{"without, for another peer", cat, []string{member.Header, "there"}, http.StatusForbidden},
		{"size of all", here.Command("repo/stat", nil), []string{"Authorization", "Bearer token"}, http.StatusOK},
		{"a collection on all", here.Command("repo/gc", nil), []string{"Authorization", "Bearer token"}, http.StatusOK},
		{"a collection without", here.Command("repo/gc", nil), nil, http.StatusForbidden},
		{"what only peers ask", here.URL + member.NodePath + "/api/v0/id", nil, http.StatusUnauthorized},
	} {
		if reply := proxytest.Ask(t, http.MethodPost, c.target, nil, c.header...); reply.StatusCode != c.want {
			t.Errorf("%s: %d, %s", c.name, reply.StatusCode, reply.Text)
		}
	}
	if there.has(file) {
		t.Error("the collection has not reached the other peer")
	}
}
