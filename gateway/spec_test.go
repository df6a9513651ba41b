package gateway

import (
	"context"
	"testing"

	"github.com/ipfs/kubo/core"
	"github.com/ipfs/kubo/core/coreapi"
	"github.com/ipfs/kubo/core/coreiface/options"

	"github.com/underlay/underlay/internal/gatewayspec"
)

// specHosts are the hosts that the rules of the specifications ask.
func specHosts() map[string]Host {
	return map[string]Host{
		gatewayspec.PathHost:      {Kind: Deserialised},
		gatewayspec.SubdomainHost: {Kind: Subdomain},
		gatewayspec.TrustlessHost: {Kind: Trustless},
	}
}

// newSpecNode is a node with the content of the rules.
func newSpecNode(t *testing.T, f *gatewayspec.Fixture) *core.IpfsNode {
	t.Helper()
	t.Setenv("IPFS_NS_MAP", f.DNSLinks())
	node := newNode(t, false, nil)
	if err := node.Blocks.AddBlocks(t.Context(), f.Blocks); err != nil {
		t.Fatal(err)
	}
	api, err := coreapi.NewCoreAPI(node)
	if err != nil {
		t.Fatal(err)
	}
	for name, record := range f.Records {
		if err := api.Routing().Put(context.Background(), "/ipns/"+name, record, options.Routing.AllowOffline(true)); err != nil {
			t.Fatalf("put the record of %s: %v", name, err)
		}
	}
	return node
}

// What comes from memory keeps to the rules as what the handler says does, and so does HTTP/2.
func TestSpecifications(t *testing.T) {
	f, err := gatewayspec.New()
	if err != nil {
		t.Fatal(err)
	}
	g := start(t, Options{Node: newSpecNode(t, f), Hosts: specHosts()})
	address := g.Addr().String()
	for _, turn := range []string{"cold", "from memory"} {
		t.Run(turn, func(t *testing.T) { gatewayspec.Run(t, address, f.Rules()) })
	}
	t.Run("HTTP2", func(t *testing.T) { gatewayspec.RunHTTP2(t, address, f.Rules()) })
}
