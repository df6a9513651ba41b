package gateway

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"strings"

	boxo "github.com/ipfs/boxo/gateway"
	"github.com/ipfs/kubo/config"
	"github.com/ipfs/kubo/core"
	"github.com/ipfs/kubo/core/corehttp"

	"github.com/underlay/underlay/gateway/forwarded"
	"github.com/underlay/underlay/gateway/pages"
	"github.com/underlay/underlay/gateway/policy"
	"github.com/underlay/underlay/gateway/ranges"
)

// newHandler is the whole public surface. Its layers, from outside: who asks, tunnels, the one name of the host, errors that
// nobody keeps, what load balancers ask, errors in words, what each client may do, our own pages for our own host names,
// translation of host names to content paths, and the table of paths. Content then passes what is denied, what its host may be
// served, what is done at once, Etags and several ranges.
func newHandler(o Options, ready *readiness) (http.Handler, error) {
	cfg, err := o.Node.Repo.Config()
	if err != nil {
		return nil, fmt.Errorf("read the node's settings: %w", err)
	}
	o.Limits = o.Limits.over(cfg.Gateway)
	blocks, backend, err := newBackend(o, cfg)
	if err != nil {
		return nil, err
	}
	conf := settings(cfg, o)
	hosts := newHostRules(&conf, o.Hosts)
	cache, err := newHotFiles(o, conf.MetricsRegistry, hosts, blocks)
	if err != nil {
		return nil, err
	}
	backend = cache.Backend(backend)
	own, err := pages.New(pageOptions(o, cfg, conf, newContent(blocks, backend)))
	if err != nil {
		return nil, err
	}
	conf.DisableHTMLErrors = true // own has better ones
	headers := boxo.NewHeaders(cfg.Gateway.HTTPHeaders).ApplyCors()

	paths := http.NewServeMux()
	full := own.Listings(contentHandler(uncounted(conf), backend, true), contentHandler(conf, backend, true))
	worked := o.Limits.work(mendEtags(ranges.New(hosts.choose(full, contentHandler(conf, backend, false)))))
	content := o.Policy.Wrap(hosts.choose(cache.Wrap(worked), worked), nil)
	paths.Handle("/ipfs/", content)
	paths.Handle("/ipns/", content)
	paths.Handle("/", own)
	if o.RoutingAPI || cfg.Gateway.ExposeRoutingAPI.WithDefault(false) {
		if err := mountRouting(o.Node, paths); err != nil {
			return nil, err
		}
	}
	byHost := headers.Wrap(boxo.NewHostnameHandler(conf, backend, paths))

	top := http.NewServeMux() // cleans paths before host names are looked at
	top.Handle("/", onOwnHosts(own, conf, backend, byHost))
	all := policy.Uncacheable(ready.answer(own.Errors(o.Limits.clients(top))))
	return forwarded.New(o.Trust, acceptTunnels(onOneHost(all))), nil
}

// pageOptions says what pages people get.
func pageOptions(o Options, cfg *config.Config, conf boxo.Config, c pages.Content) pages.Options {
	return pages.Options{
		Content:        c,
		Landing:        o.LandingPage,
		Redirect:       rootRedirect(o, cfg),
		Robots:         o.RobotsFile,
		PlainErrors:    conf.DisableHTMLErrors,
		Diagnostics:    conf.DiagnosticServiceURL,
		Entries:        o.Limits.DirectoryEntries,
		ListingTimeout: o.Limits.Retrieval,
		Logger:         o.Logger,
	}
}

// rootRedirect is where / leads: our settings stand above the node's.
func rootRedirect(o Options, cfg *config.Config) string {
	if o.LandingPage != "" {
		return ""
	}
	return cmp.Or(o.RootRedirect, cfg.Gateway.RootRedirect)
}

// contentHandler is boxo's handler for content paths, with or without what a client cannot verify. It knows no host
// names: see hostRules.
func contentHandler(conf boxo.Config, backend boxo.IPFSBackend, deserialised bool) http.Handler {
	conf.DeserializedResponses = deserialised
	conf.PublicGateways = nil
	return boxo.NewHandler(conf, backend)
}

// mountRouting serves /routing/v1. kubo does so by default, but a public listener should not let strangers use the
// node's routing unless its operator wants that.
func mountRouting(n *core.IpfsNode, mux *http.ServeMux) error {
	if _, err := corehttp.RoutingOption()(n, nil, mux); err != nil {
		return fmt.Errorf("expose the routing API: %w", err)
	}
	return nil
}

// onOwnHosts answers our own pages ahead of the translation of host names, which knows only content: it would answer 404 for
// / on localhost.
func onOwnHosts(own *pages.Pages, conf boxo.Config, backend boxo.IPFSBackend, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if own.Has(r.URL.Path) && r.URL.RawQuery == "" && isOwnHost(r, conf, backend, r.Host) {
			own.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isContentHost tells hosts like <CID>.ipfs.example.org, whose whole path belongs to the content.
func isContentHost(host string) bool {
	labels := strings.Split(hostOnly(host), ".")
	for _, l := range labels[1:] {
		switch l {
		case "ipfs", "ipns", "p2p", "ipld":
			return true
		}
	}
	return false
}

// isOwnHost tells host names that the settings name as gateways (wildcards aside: those have no page of ours) and
// that have no website of their own by DNSLink, which would have precedence.
func isOwnHost(r *http.Request, conf boxo.Config, backend boxo.IPFSBackend, host string) bool {
	name := hostOnly(host)
	gw, ok := conf.PublicGateways[host]
	if !ok {
		gw, ok = conf.PublicGateways[name]
	}
	if !ok || len(gw.Paths) == 0 { // the latter is a website or nothing
		return false
	}
	if gw.NoDNSLink || !strings.Contains(name, ".") || net.ParseIP(name) != nil {
		return true
	}
	_, err := backend.GetDNSLinkRecord(r.Context(), name)
	return err != nil
}

func hostOnly(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return host
}
