package gateway

import (
	"fmt"
	"net"
	"net/http"
	"strings"

	boxo "github.com/ipfs/boxo/gateway"
	"github.com/ipfs/kubo/config"
	"github.com/ipfs/kubo/core"
	"github.com/ipfs/kubo/core/corehttp"

	"github.com/underlay/underlay/gateway/pages"
)

// newHandler is the whole public surface. Its layers, from outside: what load balancers ask, errors in words, our own pages
// for our own host names, translation of host names to content paths, and the table of paths.
func newHandler(o Options, ready *readiness) (http.Handler, error) {
	cfg, err := o.Node.Repo.Config()
	if err != nil {
		return nil, fmt.Errorf("read the node's settings: %w", err)
	}
	blocks, backend, err := newBackend(o, cfg)
	if err != nil {
		return nil, err
	}
	conf := settings(cfg, o)
	own, err := pages.New(pageOptions(o, cfg, conf, newContent(blocks, backend)))
	if err != nil {
		return nil, err
	}
	conf.DisableHTMLErrors = true // own has better ones
	headers := boxo.NewHeaders(cfg.Gateway.HTTPHeaders).ApplyCors()

	paths := http.NewServeMux()
	look := boxo.NewHandler(unhurried(conf), backend)
	content := headers.Wrap(own.Listings(look, boxo.NewHandler(conf, backend)))
	paths.Handle("/ipfs/", content)
	paths.Handle("/ipns/", content)
	paths.Handle("/", own)
	if err := mountRouting(o.Node, cfg, paths); err != nil {
		return nil, err
	}
	byHost := headers.Wrap(boxo.NewHostnameHandler(conf, backend, paths))

	top := http.NewServeMux() // cleans paths before host names are looked at
	top.Handle("/", onOwnHosts(own, conf, backend, byHost))
	return ready.answer(own.Errors(top)), nil
}

// pageOptions says what pages people get.
func pageOptions(o Options, cfg *config.Config, conf boxo.Config, c pages.Content) pages.Options {
	landing := o.LandingPage
	if landing == "" {
		landing = cfg.Gateway.RootRedirect
	}
	return pages.Options{
		Content:        c,
		Landing:        landing,
		Robots:         o.RobotsFile,
		PlainErrors:    conf.DisableHTMLErrors,
		Diagnostics:    conf.DiagnosticServiceURL,
		ListingTimeout: conf.RetrievalTimeout,
		Logger:         o.Logger,
	}
}

// mountRouting serves /routing/v1 only where the node's settings ask for it by name. kubo does so by default, but a
// public listener should not let strangers use the node's routing unless its operator wants that.
func mountRouting(n *core.IpfsNode, cfg *config.Config, mux *http.ServeMux) error {
	if !cfg.Gateway.ExposeRoutingAPI.WithDefault(false) {
		return nil
	}
	if _, err := corehttp.RoutingOption()(n, nil, mux); err != nil {
		return fmt.Errorf("expose the routing API: %w", err)
	}
	return nil
}

// onOwnHosts answers our own pages ahead of the translation of host names, which knows only content: it would answer 404 for
// / on localhost.
func onOwnHosts(own *pages.Pages, conf boxo.Config, backend boxo.IPFSBackend, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if own.Has(r.URL.Path) && r.URL.RawQuery == "" && isOwnHost(r, conf, backend, effectiveHost(r)) {
			own.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// effectiveHost is the host name that a request came for, before a load balancer changed it.
func effectiveHost(r *http.Request) string {
	if forwarded := r.Header.Get("X-Forwarded-Host"); forwarded != "" {
		return forwarded
	}
	return r.Host
}

func readOnly(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	http.Error(w, "only GET and HEAD are allowed here", http.StatusMethodNotAllowed)
	return false
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
	if !ok {
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
