package gateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/internal/gatewayspec"
)

// Each host serves what its kind says and nothing else, whatever the form of its name.
func TestKindsOfHosts(t *testing.T) {
	f, err := gatewayspec.New()
	if err != nil {
		t.Fatal(err)
	}
	node := newSpecNode(t, f)
	root := f.Site()
	hosts := map[string]Host{
		"paths.test":      {Kind: Deserialised},
		"ipfs-only.test":  {Kind: Deserialised, Paths: []string{"/ipfs"}},
		"own.test":        {Kind: Subdomain},
		"verify.test":     {Kind: Trustless},
		"*.verify.test":   {Kind: Trustless},
		"*.files.test":    {Kind: Deserialised},
		"site.test":       {Kind: Website, DNSLink: true},
		"off.test":        {Kind: None},
		f.Website():       {Kind: Deserialised},
		f.OtherWebsite():  {Kind: Website, DNSLink: true},
		OtherHosts:        {Kind: None},
		"203.0.113.7":     {Kind: Trustless},
		"dnslink.test":    {Kind: Deserialised, DNSLink: true},
		"xn--bcher-kva.t": {Kind: Deserialised},
	}
	g := start(t, Options{Node: node, Hosts: hosts})
	page, block := "/ipfs/"+root+"/index.html", "/ipfs/"+root+"?format=raw"
	for _, c := range []struct {
		host, path string
		status     int
	}{
		{"paths.test", page, 200}, {"paths.test:8080", page, 200}, {"PATHS.test.", page, 200}, {"xn--bcher-kva.t", page, 200},
		{"paths.test", "/ipns/" + f.Website() + "/", 200}, {"paths.test", "/elsewhere", 404},
		{"ipfs-only.test", page, 200}, {"ipfs-only.test", "/ipns/" + f.Website() + "/", 404},
		{"own.test", page, 301}, {root + ".ipfs.own.test", "/index.html", 200}, {root + ".ipfs.OWN.test:81", "/index.html", 200},
		{"verify.test", page, 406}, {"verify.test", block, 200}, {"verify.test:8080", page, 406}, {"Verify.Test.:8080", page, 406},
		{"a.verify.test", page, 406}, {"a.verify.test:8080", page, 406}, {"A.VERIFY.TEST", page, 406}, {"a.verify.test", block, 200},
		{"a.b.verify.test", page, 404}, {"203.0.113.7:80", page, 406}, {root + ".ipfs.verify.test", "/index.html", 404},
		{"a.files.test", page, 200}, {"files.test", page, 404},
		{"site.test", page, 404}, {"site.test", "/", 404}, {"off.test", page, 404}, {"off.test", block, 404}, {"off.test", "/", 404},
		{f.Website(), "/docs/page", 404}, {f.Website(), page, 200}, // its DNSLink is off
		{f.OtherWebsite(), "/a%20note.txt", 200}, {f.OtherWebsite(), page, 404},
		{"unknown.test", page, 404}, {"unknown.test", block, 404}, {"127.0.0.1", page, 404}, {"[::1]:8080", page, 404},
		{root + ".ipfs.unknown.test", "/index.html", 404}, {"unknown.test", "/healthz", 200},
	} {
		if got := ask(t, "GET", g.url+c.path, "Host", c.host); got.StatusCode != c.status {
			t.Errorf("%s%s: %s, want %d", c.host, c.path, got.Status, c.status)
		}
	}
}

// What is said of all other hosts holds for those without a name here, and for the websites among them.
func TestOtherHosts(t *testing.T) {
	f, err := gatewayspec.New()
	if err != nil {
		t.Fatal(err)
	}
	node := newSpecNode(t, f)
	page, block := "/ipfs/"+f.Site()+"/index.html", "/ipfs/"+f.Site()+"?format=raw"
	for name, c := range map[string]struct {
		hosts             map[string]Host
		page, block, site int
	}{
		"nothing said":      {nil, 200, 200, 200},
		"deserialised":      {map[string]Host{OtherHosts: {Kind: Deserialised}}, 200, 200, 404},
		"with websites":     {map[string]Host{OtherHosts: {Kind: Deserialised, DNSLink: true}}, 200, 200, 200},
		"trustless":         {map[string]Host{OtherHosts: {Kind: Trustless}}, 406, 200, 404},
		"websites":          {map[string]Host{OtherHosts: {Kind: Website, DNSLink: true}}, 404, 404, 200},
		"nothing is served": {map[string]Host{OtherHosts: {Kind: None}}, 404, 404, 404},
	} {
		g := start(t, Options{Node: node, Hosts: c.hosts})
		for _, r := range []struct {
			host, path string
			status     int
		}{{"unknown.test", page, c.page}, {"127.0.0.1", block, c.block}, {f.Website(), "/docs/page", c.site}} {
			if got := ask(t, "GET", g.url+r.path, "Host", r.host); got.StatusCode != r.status {
				t.Errorf("%s, %s%s: %s, want %d", name, r.host, r.path, got.Status, r.status)
			}
		}
	}
}

// A host that the node's own settings make trustless is so with a port and in capitals, too.
func TestTrustlessHostsOfTheNode(t *testing.T) {
	f, err := gatewayspec.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("IPFS_NS_MAP", f.DNSLinks())
	node := newNode(t, false, func(c *config.Config) {
		spec := &config.GatewaySpec{Paths: []string{"/ipfs"}, DeserializedResponses: config.False}
		c.Gateway.PublicGateways = map[string]*config.GatewaySpec{"verify.test": spec, "*.wild.test": spec, "both.test": spec}
	})
	if err := node.Blocks.AddBlocks(t.Context(), f.Blocks); err != nil {
		t.Fatal(err)
	}
	g := start(t, Options{Node: node, Hosts: map[string]Host{"both.test": {Kind: Deserialised}}})
	for host, status := range map[string]int{
		"verify.test": 406, "verify.test:8080": 406, "VERIFY.test": 406, "a.wild.test": 406, "a.wild.test:1": 406, "both.test": 200, "other.test": 200,
	} {
		if got := ask(t, "GET", g.url+"/ipfs/"+f.Site()+"/index.html", "Host", host); got.StatusCode != status {
			t.Errorf("%s: %s, want %d", host, got.Status, status)
		}
	}
}

// What a balancer says of host and scheme is where redirects lead.
func TestRedirectsBehindTLS(t *testing.T) {
	f, err := gatewayspec.New()
	if err != nil {
		t.Fatal(err)
	}
	g := start(t, Options{
		Node: newSpecNode(t, f), Hosts: map[string]Host{"own.test": {Kind: Subdomain}},
		Trust: Trust{Proxies: prefixes(t, "127.0.0.0/8"), Headers: []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}},
	})
	root, inlined := f.Site(), strings.NewReplacer("-", "--", ".", "-").Replace(f.Website())
	for _, c := range []struct{ host, forwarded, proto, path, location string }{
		{"own.test", "", "https", "/ipfs/" + root, "https://" + root + ".ipfs.own.test/"},
		{"own.test", "", "http", "/ipfs/" + root, "http://" + root + ".ipfs.own.test/"},
		{"own.test", "", "", "/ipfs/" + root, "http://" + root + ".ipfs.own.test/"},
		{"inner:8080", "own.test", "https", "/ipfs/" + root, "https://" + root + ".ipfs.own.test/"},
		{"inner:8080", "own.test", "https", "/ipns/" + f.Website(), "https://" + inlined + ".ipns.own.test/"},
		{"inner:8080", root + ".ipfs.own.test", "https", "/index.html", ""},
		{root + ".ipfs.own.test", "other.test", "https", "/index.html", ""},
	} {
		header := []string{"Host", c.host}
		for name, value := range map[string]string{"X-Forwarded-Host": c.forwarded, "X-Forwarded-Proto": c.proto} {
			if value != "" {
				header = append(header, name, value)
			}
		}
		got := ask(t, "GET", g.url+c.path, header...)
		want := http.StatusMovedPermanently
		switch {
		case c.forwarded == "other.test":
			want = http.StatusNotFound // no path of content
		case c.location == "":
			want = http.StatusOK
		}
		if got.StatusCode != want || got.Header.Get("Location") != c.location {
			t.Errorf("%+v: %d to %q", c, got.StatusCode, got.Header.Get("Location"))
		}
	}
}

func TestCanonicalHost(t *testing.T) {
	for host, want := range map[string]string{
		"Example.ORG": "example.org", "example.org.": "example.org", "Example.org.:80": "example.org:80", "[::1]:80": "[::1]:80", "[::1]": "[::1]",
		"127.0.0.1:80": "127.0.0.1:80", "QmX.IPFS.Example.org": "QmX.ipfs.example.org", "ipfs.Example.org": "ipfs.example.org", "": "", ".": "", "A.B": "a.b",
	} {
		if got := canonicalHost(host); got != want {
			t.Errorf("%q becomes %q, want %q", host, got, want)
		}
	}
}

// A client may use the gateway as its HTTP proxy, with a tunnel and without.
func TestGatewayAsProxy(t *testing.T) {
	f, err := gatewayspec.New()
	if err != nil {
		t.Fatal(err)
	}
	g := start(t, Options{Node: newSpecNode(t, f), Hosts: specHosts()})
	host := f.Site() + ".ipfs." + gatewayspec.SubdomainHost
	for name, request := range map[string]string{
		"plain":  "GET http://" + host + "/docs/page HTTP/1.1\r\nHost: " + host + "\r\n\r\n",
		"tunnel": "CONNECT " + host + ":80 HTTP/1.1\r\nHost: " + host + ":80\r\n\r\nGET /docs/page HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n",
	} {
		answers := converse(t, g.Addr().String(), request)
		if last := answers[len(answers)-1]; last.StatusCode != 200 || !strings.Contains(string(last.body), "no extension") {
			t.Errorf("%s: %s: %s", name, last.Status, last.body)
		}
		if answers[0].StatusCode != 200 || len(answers) != strings.Count(request, " HTTP/1.1") {
			t.Errorf("%s: %d answers, the first %s", name, len(answers), answers[0].Status)
		}
	}
}
