package gateway

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	boxo "github.com/ipfs/boxo/gateway"
	"github.com/ipfs/kubo/config"
	"github.com/ipfs/kubo/core"
	"github.com/ipfs/kubo/core/corehttp"
)

const landingPage = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>underlay gateway</title></head>
<body>
<h1>underlay gateway</h1>
<p>This is a public IPFS gateway of an underlay cluster. It serves content by its CID:</p>
<ul>
<li><code>/ipfs/&lt;CID&gt;[/path]</code>: immutable content</li>
<li><code>/ipns/&lt;name&gt;[/path]</code>: content behind an IPNS name or a DNSLink</li>
<li><code>/healthz</code>: 200 while this gateway serves</li>
</ul>
<p>It is read-only. To add or pin content, use the cluster's API.</p>
</body>
</html>
`

// newHandler is the whole public surface. Its layers, from outside: our own pages for our own host names, translation
// of host names to content paths, and the table of paths.
func newHandler(o Options, draining func() bool) (http.Handler, error) {
	cfg, err := o.Node.Repo.Config()
	if err != nil {
		return nil, fmt.Errorf("read the node's settings: %w", err)
	}
	blocks := newBlocks(o.Node, cfg)
	backend, err := newBackend(o, cfg, blocks)
	if err != nil {
		return nil, err
	}
	conf := settings(cfg, o)
	cache, err := newHotFiles(o, conf, blocks)
	if err != nil {
		return nil, err
	}
	backend = cache.Backend(backend)
	headers := boxo.NewHeaders(cfg.Gateway.HTTPHeaders).ApplyCors()
	pages := pages{redirect: cfg.Gateway.RootRedirect, draining: draining}

	paths := http.NewServeMux()
	content := cache.Wrap(boxo.NewHandler(conf, backend))
	paths.Handle("/ipfs/", content)
	paths.Handle("/ipns/", content)
	paths.HandleFunc("/{$}", pages.root)
	paths.HandleFunc("/healthz", pages.health)
	if err := mountRouting(o.Node, cfg, paths); err != nil {
		return nil, err
	}
	byHost := headers.Wrap(boxo.NewHostnameHandler(conf, backend, paths))

	top := http.NewServeMux() // cleans paths before host names are looked at
	top.Handle("/", pages.onOwnHosts(conf, backend, byHost))
	return top, nil
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

// pages are the answers that are not content.
type pages struct {
	redirect string // Gateway.RootRedirect
	draining func() bool
}

// onOwnHosts answers our own pages ahead of the translation of host names, which knows only content: it would look
// for a DNSLink at each health check, and answer 404 for / on localhost.
func (p pages) onOwnHosts(conf boxo.Config, backend boxo.IPFSBackend, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if forwarded := r.Header.Get("X-Forwarded-Host"); forwarded != "" {
			host = forwarded
		}
		switch {
		case r.URL.Path == "/healthz" && !isContentHost(host):
			p.health(w, r)
		case r.URL.Path == "/" && r.URL.RawQuery == "" && isOwnHost(r, conf, backend, host):
			p.root(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (p pages) root(w http.ResponseWriter, r *http.Request) {
	if !readOnly(w, r) {
		return
	}
	if p.redirect != "" {
		http.Redirect(w, r, p.redirect, http.StatusFound)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	io.WriteString(w, landingPage) //nolint:errcheck // the client has gone; nobody is left to tell
}

// health depends on nothing but the drain: immutable content stays available without a quorum.
func (p pages) health(w http.ResponseWriter, r *http.Request) {
	if !readOnly(w, r) {
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if p.draining() {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, "draining\n") //nolint:errcheck // as above
		return
	}
	io.WriteString(w, "ok\n") //nolint:errcheck // as above
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
