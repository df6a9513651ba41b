package itest

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/gatewayspec"
)

// gatewayHosts are the hosts that the rules of the gateway's specifications ask.
const gatewayHosts = "gateway: {hosts: {" + gatewayspec.PathHost + ": deserialised, " +
	gatewayspec.SubdomainHost + ": subdomain, " + gatewayspec.TrustlessHost + ": trustless}}\n"

// Three peers behind a balancer that takes turns keep to every rule of the gateway's specifications, with content and records that
// were stored through one of them.
func TestGatewaySpecificationsThroughTheBalancer(t *testing.T) {
	f, err := gatewayspec.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("IPFS_NS_MAP", f.DNSLinks())
	file := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(file, []byte(gatewayHosts), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Start(t, "--config", file)
	gateways := c.Balance().Gateway
	first := c.Peers[0]
	if _, err := first.Upload("dag/import?pin-roots=false", f.CAR()); err != nil {
		t.Fatal(err)
	}
	if _, err := first.RPC("pin/add", f.Site()); err != nil {
		t.Fatal(err)
	}
	c.Acked(f.Site())
	for name, record := range f.Records {
		if _, err := first.Upload("routing/put?allow-offline=true&arg="+url.QueryEscape("/ipns/"+name), record); err != nil {
			t.Fatal(err)
		}
	}
	Eventually(t, 30*time.Second, func() error { return first.PinnedEverywhere(f.Site(), len(c.Peers)) })
	for range c.Peers { // each rule is met by each peer
		gatewayspec.Run(t, strings.TrimPrefix(gateways, "http://"), f.Rules())
	}
}
