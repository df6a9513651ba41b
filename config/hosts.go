package config

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// What a host of the gateway may be.
const (
	HostDeserialised = "deserialised" // files, pages and everything else, under paths such as /ipfs/CID
	HostSubdomain    = "subdomain"    // the same, each CID and name on a host of its own below this one
	HostTrustless    = "trustless"    // only what a client can verify: blocks, CARs and IPNS records
	HostWebsite      = "website"      // only the website that the host's own DNSLink names
	HostNone         = "none"         // nothing
)

// OtherHosts stands for every host that no other entry of the hosts names.
const OtherHosts = "*"

// Host is what the gateway serves to requests for one host name.
type Host struct {
	// Kind is one of the kinds above.
	Kind string `yaml:"kind"`
	// DNSLink says whether the host's own DNSLink is served too, as a website. Unset: see [Host.ServesDNSLink].
	DNSLink *bool `yaml:"dnslink,omitempty"`
	// Paths are the path prefixes that are served; none: all that there are.
	Paths []string `yaml:"paths,omitempty,flow"`
}

// ServesDNSLink reports whether the host's own website is served: that is so unless the settings or the kind forbid it.
func (h Host) ServesDNSLink() bool {
	if h.DNSLink != nil {
		return *h.DNSLink
	}
	return h.Kind != HostTrustless && h.Kind != HostNone
}

// hostPaths are the prefixes that Host.Paths may hold.
func hostPaths() []string { return []string{"/ipfs", "/ipns", "/routing/v1"} }

func hostKinds() []string {
	return []string{HostDeserialised, HostSubdomain, HostTrustless, HostWebsite, HostNone}
}

// splitHosts reads name=kind,name=kind, the form without details.
func splitHosts(text string) (hosts map[string]Host, problem string) {
	kinds, problem := splitMap(text)
	if problem != "" {
		return nil, problem
	}
	for name, kind := range kinds {
		if hosts == nil {
			hosts = make(map[string]Host)
		}
		hosts[name] = Host{Kind: kind}
	}
	return hosts, ""
}

// hosts reads a mapping of host names to kinds, or to mappings of details.
func (f *fileReader) hosts(fd field, n *yaml.Node) (hosts map[string]Host, ok bool) {
	before := len(f.faults)
	for _, p := range f.pairs(n, fd.Path) {
		path := fd.Path + "." + shownHost(p.key.Value)
		if hosts == nil {
			hosts = make(map[string]Host)
		}
		if p.value.Kind == yaml.MappingNode {
			hosts[p.key.Value] = f.host(path, p.value)
		} else if kind, good := f.scalar(p.value, path); good {
			hosts[p.key.Value] = Host{Kind: kind}
		}
	}
	return hosts, len(f.faults) == before
}

// host reads the details of one host.
func (f *fileReader) host(path string, n *yaml.Node) (h Host) {
	for _, p := range f.pairs(n, path) {
		below := path + "." + shownKey(p.key.Value)
		switch p.key.Value {
		case "kind":
			h.Kind, _ = f.scalar(p.value, below)
		case "dnslink":
			var serve bool
			if p.value.ShortTag() != "!!bool" || p.value.Decode(&serve) != nil {
				f.fault(p.value, below, "must be true or false")
				continue
			}
			h.DNSLink = &serve
		case "paths":
			if p.value.Kind != yaml.SequenceNode {
				f.fault(p.value, below, "must be a list, for example [/ipfs, /ipns]")
				continue
			}
			for _, e := range p.value.Content {
				if text, good := f.scalar(e, below); good {
					h.Paths = append(h.Paths, text)
				}
			}
		default:
			meant := closest(p.key.Value, []string{"kind", "dnslink", "paths"})
			if meant != "" {
				meant = path + "." + meant
			}
			f.fault(p.key, below, "unknown setting%s", didYouMean(meant))
		}
	}
	return h
}

// checkHosts reports what is wrong with names and kinds, and combinations that would have no effect.
func (c Config) checkHosts(fs *faults) {
	for _, name := range sortedKeys(c.Gateway.Hosts) {
		h, path := c.Gateway.Hosts[name], "gateway.hosts."+shownHost(name)
		if problem := hostNameProblem(name); problem != "" {
			fs.add(path, "%s", problem)
			continue
		}
		if !slices.Contains(hostKinds(), h.Kind) {
			fs.add(path, "must be %s", choices(hostKinds()))
			continue
		}
		if _, err := netip.ParseAddr(name); h.Kind == HostSubdomain && (err == nil || name == OtherHosts) {
			fs.add(path, "cannot be subdomain: only a name has hosts below it")
		}
		if h.DNSLink != nil && *h.DNSLink != (h.Kind == HostWebsite) && slices.Contains([]string{HostTrustless, HostWebsite, HostNone}, h.Kind) {
			fs.add(path+".dnslink", "cannot be %t for %s", *h.DNSLink, h.Kind)
		}
		if len(h.Paths) > 0 && (h.Kind == HostWebsite || h.Kind == HostNone || name == OtherHosts) {
			fs.add(path+".paths", "cannot be set for %s", map[bool]string{true: "all other hosts", false: h.Kind}[name == OtherHosts])
		}
		for _, p := range h.Paths {
			if !slices.Contains(hostPaths(), p) {
				fs.add(path+".paths", "must be of %s", choices(hostPaths()))
				break
			}
		}
	}
}

// hostNameProblem says why a host cannot have this name. The gateway compares names in lower case and without ports.
func hostNameProblem(name string) string {
	if name == OtherHosts {
		return ""
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return ""
	}
	plain := strings.TrimPrefix(name, "*.")
	switch {
	case strings.Contains(plain, "*"):
		return "may have a * only as its first label, as in *.example.org"
	case strings.Contains(plain, ":"):
		return "must not have a port: a host is the same on all of them"
	case plain != strings.ToLower(plain):
		return "must be in lower case"
	case !isHostName(plain) || slices.Contains(strings.Split(plain, "."), ""):
		return "must be a host name, for example ipfs.example.org or *.example.org"
	}
	return ""
}

var hostShape = regexp.MustCompile(`^[A-Za-z0-9*._:-]{1,80}$`)

// shownHost returns a host as messages may show it.
func shownHost(name string) string {
	if hostShape.MatchString(name) {
		return name
	}
	return shownKey(name)
}

// checkRootRedirect accepts what a Location header may hold.
func (c Config) checkRootRedirect(fs *faults) {
	to := c.Gateway.RootRedirect
	if to == "" {
		return
	}
	u, err := url.Parse(to)
	switch {
	case c.Gateway.LandingPage != "":
		fs.add("gateway.root_redirect", "cannot be set together with gateway.landing_page, which is at / too")
	case err != nil || !printable(to):
		fs.add("gateway.root_redirect", "must be a path or a URL")
	case u.Scheme == "" && (u.Host != "" || !strings.HasPrefix(to, "/") || u.Path == "/"):
		fs.add("gateway.root_redirect", "must be a path such as /ipns/docs.example.org, or a URL with its scheme")
	case u.Scheme != "" && ((u.Scheme != "http" && u.Scheme != "https") || u.Host == ""):
		fs.add("gateway.root_redirect", "must be a URL of http or https")
	}
}
