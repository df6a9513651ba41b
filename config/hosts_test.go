package config

import (
	"reflect"
	"testing"
)

func TestHostsInEveryForm(t *testing.T) {
	no := false
	short := map[string]Host{"a.example": {Kind: HostSubdomain}, "*": {Kind: HostNone}}
	for name, tt := range map[string]struct {
		file, env string
		flags     []string
		want      map[string]Host
	}{
		"kinds in the file": {file: "gateway: {hosts: {a.example: subdomain, '*': none}}\n", want: short},
		"details":           {file: "gateway: {hosts: {a.example: {kind: subdomain, dnslink: false, paths: [/ipfs]}}}\n", want: map[string]Host{"a.example": {Kind: HostSubdomain, DNSLink: &no, Paths: []string{"/ipfs"}}}},
		"text in the file":  {file: "gateway: {hosts: 'a.example=subdomain,*=none'}\n", want: short},
		"environment":       {file: "gateway: {hosts: {b.example: website}}\n", env: "a.example=subdomain, *=none", want: short},
		"flags add up":      {env: "b.example=website", flags: []string{"--gateway-hosts", "a.example=subdomain", "--gateway-hosts", "*=none"}, want: short},
		"nothing":           {file: "gateway: {hosts: }\n"},
	} {
		t.Run(name, func(t *testing.T) {
			vars := map[string]string{"HOME": "/home"}
			if tt.env != "" {
				vars["UNDERLAY_GATEWAY_HOSTS"] = tt.env
			}
			opts := LoadOptions{Getenv: env(vars), Flags: flags(t, tt.flags...)}
			if tt.file != "" {
				opts.File = writeFile(t, tt.file)
			}
			c, err := Load(opts)
			if err != nil || !reflect.DeepEqual(c.Gateway.Hosts, tt.want) {
				t.Errorf("got %v, %v, want %v", c.Gateway.Hosts, err, tt.want)
			}
		})
	}
}

func TestFaultsOfHosts(t *testing.T) {
	for _, tt := range []struct{ name, hosts, want string }{
		{"unknown kind", "a.example: deserialized", `a.example: must be "deserialised", "subdomain", "trustless", "website" or "none"`},
		{"no kind", "a.example: {dnslink: true}", `a.example: must be "deserialised", "subdomain", "trustless", "website" or "none"`},
		{"unknown detail", "a.example: {kind: website, dns_link: true}", "a.example.dns_link: unknown setting, did you mean gateway.hosts.a.example.dnslink?"},
		{"text for true", "a.example: {kind: deserialised, dnslink: maybe}", "a.example.dnslink: must be true or false"},
		{"a path alone", "a.example: {kind: deserialised, paths: /ipfs}", "a.example.paths: must be a list, for example [/ipfs, /ipns]"},
		{"unknown path", "a.example: {kind: deserialised, paths: [/ipfs/]}", `a.example.paths: must be of "/ipfs", "/ipns" or "/routing/v1"`},
		{"port", "a.example:80: trustless", "a.example:80: must not have a port: a host is the same on all of them"},
		{"upper case", "A.example: trustless", "A.example: must be in lower case"},
		{"wildcard inside", "a.*.example: trustless", "a.*.example: may have a * only as its first label, as in *.example.org"},
		{"no host name", "a..example: trustless", "a..example: must be a host name, for example ipfs.example.org or *.example.org"},
		{"twice", "{a.example: none, a.example: website}", "a.example: is set twice, first at line 1"},
		{"subdomains of an address", "127.0.0.1: subdomain", "127.0.0.1: cannot be subdomain: only a name has hosts below it"},
		{"subdomains of all others", `"*": subdomain`, "*: cannot be subdomain: only a name has hosts below it"},
		{"website on a trustless host", "a.example: {kind: trustless, dnslink: true}", "a.example.dnslink: cannot be true for trustless"},
		{"website without its DNSLink", "a.example: {kind: website, dnslink: false}", "a.example.dnslink: cannot be false for website"},
		{"paths of a website", "a.example: {kind: website, paths: [/ipfs]}", "a.example.paths: cannot be set for website"},
		{"paths of all others", `"*": {kind: trustless, paths: [/ipfs]}`, "*.paths: cannot be set for all other hosts"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hosts := tt.hosts
			if hosts[0] != '{' {
				hosts = "{" + hosts + "}"
			}
			_, err := loadFile(t, "gateway: {hosts: "+hosts+"}\n")
			wantLines(t, err, "gateway.hosts."+tt.want+" (underlay.yaml line 1)")
		})
	}
}

func TestDNSLinkByKind(t *testing.T) {
	for kind, want := range map[string]bool{HostDeserialised: true, HostSubdomain: true, HostWebsite: true, HostTrustless: false, HostNone: false} {
		if got := (Host{Kind: kind}).ServesDNSLink(); got != want {
			t.Errorf("%s: %v", kind, got)
		}
	}
	no := false
	if (Host{Kind: HostDeserialised, DNSLink: &no}).ServesDNSLink() {
		t.Error("turned off and still served")
	}
}

func TestRootRedirect(t *testing.T) {
	for to, valid := range map[string]bool{
		"": true, "/ipns/docs.example": true, "https://docs.example/": true, "http://docs.example/a?b": true,
		"/": false, "docs.example": false, "//docs.example": false, "ftp://docs.example": false, "https:": false, "/a\nb": false, "%zz": false,
	} {
		c := Default(env(map[string]string{"HOME": "/home"}))
		c.Gateway.RootRedirect = to
		if err := c.Validate(); (err == nil) != valid {
			t.Errorf("%q: %v", to, err)
		}
	}
	c := Default(env(map[string]string{"HOME": "/home"}))
	c.Gateway.RootRedirect, c.Gateway.LandingPage = "/ipns/docs.example", "page.html"
	wantLines(t, c.Validate(), "gateway.root_redirect: cannot be set together with gateway.landing_page, which is at / too")
}
