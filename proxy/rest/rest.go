package rest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/mux"
	rpc "github.com/libp2p/go-libp2p-gorpc"
	"github.com/rs/cors"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/proxy/consistency"
	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/member"
	"github.com/underlay/underlay/proxy/origin"
	"github.com/underlay/underlay/proxy/upload"
)

// Options say where the REST API finds its answers. Cluster is required.
type Options struct {
	Cluster Cluster
	Monitor Monitor            // nil: /monitor/metrics answers 404
	RPC     func() *rpc.Client // the adder's way to all peers; nil, or nil returned: /add answers 503

	// Pinset is backed up by GET /backup, restored by POST /restore and changed in bulk by POST /pins. Nil: there is no
	// such route.
	Pinset BulkPinset

	// Events are what GET /events tells. Nil: there is no such route. Streams of them end when Ending does.
	Events Events
	Ending context.Context

	// Denylist is what /deny shows and changes. Nil: there is no such route.
	Denylist Denylist

	// Ready decides /health and nothing else: nil means ready, an error tells why not. A nil Ready is always ready.
	Ready func() error
	// Consensus describes this peer's part in the consensus, for /health/consensus. Nil: that answers 404.
	Consensus func() consensus.Status
	// Peers are asked what they know of the consensus when a request names one. Nil: this peer answers all requests.
	Peers member.Peers
	// UploadStall is how long an upload may stand still. 0: as long as one of the RPC API.
	UploadStall time.Duration
	Logger      *slog.Logger // nil discards
}

// New returns the cluster REST API as IPFS Cluster defines it, so that its command line tool and client libraries
// work unchanged. It differs where the original blames the server for a client's fault (we answer 4xx), pins by
// mistake after it reported a bad option, reports health while cut off, and executes writes that a browser sends
// for another site (we answer 403). The handler starts no work that outlives a request, and has no limits on
// sizes or times: those belong to the server around it. Only an upload must not stand still.
func New(o Options) http.Handler {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Ready == nil {
		o.Ready = func() error { return nil }
	}
	if o.UploadStall == 0 {
		o.UploadStall = upload.Stall
	}
	a := &handlers{Options: o}
	router := mux.NewRouter()
	for _, r := range a.routes() {
		router.Methods(r.method).Path(r.pattern).HandlerFunc(r.handle)
	}
	unrouted := a.unrouted(router)
	router.NotFoundHandler, router.MethodNotAllowedHandler = unrouted, unrouted
	return withCORS(a.refuseOtherSites(a.refuseUnclear(consistency.With(withoutSlash(router)))))
}

// handlers implements the routes.
type handlers struct{ Options }

type route struct {
	method, pattern string
	handle          http.HandlerFunc
}

// Routes lists the method and the pattern of every route that an API with these options has.
func Routes(o Options) (routes []string) {
	for _, r := range (&handlers{o}).routes() {
		routes = append(routes, r.method+" "+r.pattern)
	}
	return routes
}

// routes is the whole table. Order matters: the first match wins, and {hash} matches "recover" and "rebalance".
func (a *handlers) routes() []route {
	const byPath = "/pins/{keyType:ipfs|ipns|ipld}/{path:.*}"
	routes := []route{
		{"GET", "/id", a.id},
		{"GET", "/version", a.version},
		{"GET", "/peers", a.peers},
		{"POST", "/peers", a.peerAdd},
		{"DELETE", "/peers/{peer}", a.peerRemove},
		{"POST", "/add", a.add},
		{"GET", "/allocations", a.allocations},
		{"GET", "/allocations/{hash}", a.allocation},
		{"GET", "/pins", a.statusAll},
		{"POST", "/pins/{hash}/recover", a.recoverOne},
		{"POST", "/pins/recover", a.recoverAll},
		{"POST", "/pins/rebalance", a.rebalance},
		{"GET", "/pins/{hash}", a.status},
		{"POST", "/pins/{hash}", a.pin},
		{"POST", byPath, a.pinPath},
		{"DELETE", "/pins/{hash}", a.unpin},
		{"DELETE", byPath, a.unpinPath},
		{"POST", "/ipfs/gc", a.repoGC},
		{"GET", "/health/graph", a.graph},
		{"GET", "/health/alerts", a.alerts},
		{"GET", "/health/bandwidth", a.bandwidth},
		{"GET", "/health", a.health},
	}
	if a.Monitor != nil {
		routes = append(routes,
			route{"GET", "/monitor/metrics/{name}", a.metrics},
			route{"GET", "/monitor/metrics", a.metricNames})
	}
	if a.Pinset != nil {
		routes = append(routes,
			route{"GET", "/backup", a.backup},
			route{"POST", "/restore", a.restore},
			route{"POST", "/pins", a.bulk})
	}
	if a.Events != nil {
		routes = append(routes, route{"GET", "/events", a.events})
	}
	if a.Denylist != nil {
		routes = append(routes,
			route{"GET", "/deny", a.denied},
			route{"POST", "/deny", a.deny},
			route{"DELETE", "/deny", a.allow})
	}
	if a.Consensus != nil {
		routes = append(routes, route{"GET", member.ConsensusPath, a.consensusHandler()})
	}
	return routes
}

// unrouted answers what no route takes: 405 when the path has other methods, else 404. It looks for itself because
// the router reports a wrong method only on some paths.
func (a *handlers) unrouted(router *mux.Router) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allowed := methods(router, r)
		if len(allowed) == 0 {
			a.fail(w, r, fault.With(http.StatusNotFound, errors.New("not found")))
			return
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		a.fail(w, r, fault.With(http.StatusMethodNotAllowed, errors.New("method "+r.Method+" not allowed")))
	})
}

// methods lists the methods that the request's path has.
func methods(router *mux.Router, r *http.Request) []string {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		probe := *r
		probe.Method = method
		var match mux.RouteMatch
		if router.Match(&probe, &match) && match.Route != nil && match.MatchErr == nil {
			allowed = append(allowed, method)
		}
	}
	return allowed
}

// withCORS lets pages of any site read, as IPFS Cluster does by default.
func withCORS(next http.Handler) http.Handler {
	return cors.New(cors.Options{
		AllowedOrigins:   []string{"*"},
		AllowedMethods:   []string{http.MethodGet},
		ExposedHeaders:   []string{"Content-Type", "X-Stream-Output", "X-Chunked-Output", "X-Content-Length"},
		AllowCredentials: true,
	}).Handler(next)
}

// refuseOtherSites stops browsers from changing the cluster on behalf of a page of another site: CORS only hides the
// answer from that page, it does not undo the unpin.
func (a *handlers) refuseOtherSites(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := origin.Check(r); err != nil {
			a.fail(w, r, fault.With(http.StatusForbidden, err))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refuseUnclear stops requests whose URL can be understood in more than one way, or in none.
func (a *handlers) refuseUnclear(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := fault.CheckURL(r); err != nil {
			a.fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// withoutSlash sends paths with a slash at the end to the path without it. 307 keeps a POST a POST.
func withoutSlash(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := r.URL.Path
		if len(p) < 2 || !strings.HasSuffix(p, "/") || strings.HasPrefix(p, "//") { // "//host" would lead elsewhere
			next.ServeHTTP(w, r)
			return
		}
		to := url.URL{
			Path:     strings.TrimSuffix(p, "/"),
			RawPath:  strings.TrimSuffix(r.URL.EscapedPath(), "/"),
			RawQuery: r.URL.RawQuery,
		}
		http.Redirect(w, r, to.String(), http.StatusTemporaryRedirect)
	})
}
