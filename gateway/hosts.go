package gateway

import (
	"net/http"
	"slices"
	"strings"
	"unicode"

	boxo "github.com/ipfs/boxo/gateway"
)

// Kind is what a host serves.
type Kind string

// The kinds of hosts.
const (
	Deserialised Kind = "deserialised" // files, pages and everything else, under paths such as /ipfs/CID
	Subdomain    Kind = "subdomain"    // the same, each CID and name on a host of its own below this one
	Trustless    Kind = "trustless"    // only what a client can verify: blocks, CARs and IPNS records
	Website      Kind = "website"      // only the website that the host's own DNSLink names
	None         Kind = "none"         // nothing
)

// OtherHosts stands in Options.Hosts for every host that no other entry names. A name there may begin with *., which
// stands for one label.
const OtherHosts = "*"

// Host is what the gateway serves to requests for one host.
type Host struct {
	Kind    Kind
	DNSLink bool     // the host's own DNSLink is served too, as a website
	Paths   []string // prefixes that are served, such as /ipfs; none: all that there are
}

// rule is a host in the form that boxo knows.
func (h Host) rule() *boxo.PublicGateway {
	rule := &boxo.PublicGateway{
		Paths:                 h.Paths,
		UseSubdomains:         h.Kind == Subdomain,
		InlineDNSLink:         h.Kind == Subdomain, // the same host with TLS, for which a certificate names one label, and without
		NoDNSLink:             !h.DNSLink,
		DeserializedResponses: h.Kind != Trustless,
	}
	switch {
	case h.Kind == Website || h.Kind == None:
		rule.Paths = nil
	case len(h.Paths) == 0:
		rule.Paths = []string{"/ipfs", "/ipns", "/routing/v1"}
	}
	return rule
}

// hostRules tell what each host may be served. Boxo's own table is by the exact text of the Host header: a wildcard, a port
// or another case would lead past it.
type hostRules struct {
	named       map[string]*boxo.PublicGateway
	others      bool // hosts without a name here are served content by path
	deserialise bool // and it may be more than a client can verify
}

// newHostRules takes the hosts from the settings; those of the options go before.
func newHostRules(c *boxo.Config, hosts map[string]Host) hostRules {
	rules := hostRules{named: c.PublicGateways, others: true, deserialise: c.DeserializedResponses}
	for name, h := range hosts {
		if name != OtherHosts {
			rules.named[name] = h.rule()
			continue
		}
		c.NoDNSLink = !h.DNSLink
		rules.others = h.Kind != Website && h.Kind != None
		rules.deserialise = h.Kind != Trustless
	}
	return rules
}

// of returns the rule of a host.
func (h hostRules) of(host string) (*boxo.PublicGateway, bool) {
	if rule, ok := h.named[host]; ok {
		return rule, true
	}
	name := hostOnly(host)
	if rule, ok := h.named[name]; ok {
		return rule, true
	}
	_, parent, _ := strings.Cut(name, ".")
	rule, ok := h.named["*."+parent]
	return rule, ok
}

// choose hands a request for content to the handler that its host allows. Boxo has translated the host name before.
func (h hostRules) choose(all, verifiable http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, known := r.Context().Value(boxo.GatewayHostnameKey).(string)
		rule, named := h.of(host)
		switch {
		case !known && !h.others:
			http.NotFound(w, r)
		case named && rule.DeserializedResponses, !named && (h.deserialise || !h.others):
			all.ServeHTTP(w, r)
		default:
			verifiable.ServeHTTP(w, r)
		}
	})
}

// onOneHost makes r.Host the one name of the host that is asked for, whatever the form: as a balancer forwards it, with a
// dot at the end, in capitals. The labels before a namespace are content and stay as they are.
func onOneHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if forwarded := r.Header.Get("X-Forwarded-Host"); forwarded != "" {
			host = forwarded
			r.Header.Del("X-Forwarded-Host")
		}
		if host = canonicalHost(host); host != r.Host {
			r = r.WithContext(r.Context()) // a copy
			r.Host = host
		}
		next.ServeHTTP(w, r)
	})
}

func canonicalHost(host string) string {
	if strings.HasPrefix(host, "[") { // an IPv6 address
		return host
	}
	if !strings.ContainsFunc(host, unicode.IsUpper) && !strings.HasSuffix(host, ".") && !strings.Contains(host, ".:") {
		return host // as most are
	}
	name := hostOnly(host)
	port := strings.TrimPrefix(host, name)
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	content := max(0, slices.IndexFunc(labels, func(l string) bool { return strings.EqualFold(l, "ipfs") || strings.EqualFold(l, "ipns") }))
	for i := content; i < len(labels); i++ {
		labels[i] = strings.ToLower(labels[i])
	}
	return strings.Join(labels, ".") + port
}
