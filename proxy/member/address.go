package member

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"

	cmds "github.com/ipfs/go-ipfs-cmds"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/proxy/fault"
)

// Peers is what the APIs need to reach the members of the cluster.
type Peers interface {
	// ID is this peer's own.
	ID() peer.ID
	// Names lists all members, this one included, with what they are called.
	Names(ctx context.Context) (map[peer.ID]string, error)
	// Transport carries requests to the member, which may be this one, whose ID is the host of the URL.
	Transport() http.RoundTripper
}

// Header names, in an answer, the peer that gave it. In a request it chooses a peer, by ID or by name, which then
// answers for its own node alone.
const Header = "X-Underlay-Peer"

// Addressed hands a request to the peer that it names: to Alone if that is this one, else over to the other. Requests that
// name none are for Cluster. [Address] makes it.
type Addressed struct {
	Peers
	Alone   http.Handler // answers for this peer's own node
	Cluster http.Handler // answers for the whole cluster
	named   func(*http.Request) string
	forward http.Handler
}

// Named is the peer that the header of a request names; empty: none.
func Named(r *http.Request) string { return r.Header.Get(Header) }

// Address makes a handler that hands requests to the peer that named finds in them, Named for example.
func Address(peers Peers, named func(*http.Request) string, alone, cluster http.Handler, logger *slog.Logger) *Addressed {
	a := &Addressed{Peers: peers, named: named, Cluster: answering(peers.ID(), cluster), Alone: answering(peers.ID(), alone)}
	a.forward = &httputil.ReverseProxy{
		Transport:     peers.Transport(),
		FlushInterval: -1, // at once
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", r.In.Header.Get(Header)
			r.Out.URL.RawQuery = r.In.URL.RawQuery // as it is, well formed or not: the other tells its faults
			r.Out.Host = r.In.Host
			if through := r.In.Header["X-Forwarded-For"]; through != nil { // whether a proxy is on the way decides when to answer
				r.Out.Header["X-Forwarded-For"] = through
			}
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			w.Header().Set(Header, peers.ID().String())
			fault.WriteKuboUnavailable(w, fmt.Errorf("peer %s cannot be reached: %w", r.Header.Get(Header), err))
		},
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	return a
}

// ServeHTTP implements http.Handler.
func (a *Addressed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := a.named(r)
	if name == "" {
		a.Cluster.ServeHTTP(w, r)
		return
	}
	id, err := Find(r.Context(), a.Peers, name)
	switch {
	case err != nil:
		w.Header().Set(Header, a.Peers.ID().String())
		if status := fault.Status(err); status != http.StatusBadRequest {
			fault.WriteKuboUnavailable(w, err)
			return
		}
		fault.WriteKubo(w, http.StatusBadRequest, cmds.Errorf(cmds.ErrClient, "%s", err))
	case id == a.Peers.ID():
		a.Alone.ServeHTTP(w, r)
	default:
		a.Send(id, w, r)
	}
}

// Send hands the request over and its answer back, both as they are and while they come.
func (a *Addressed) Send(id peer.ID, w http.ResponseWriter, r *http.Request) {
	// A command may answer before it has read all of its input. HTTP/2 needs no permission for that.
	_ = http.NewResponseController(w).EnableFullDuplex()
	r = r.Clone(r.Context())
	r.Header.Set(Header, id.String())
	a.forward.ServeHTTP(w, r)
}

// Find returns the member that is meant by an ID or a name.
func Find(ctx context.Context, peers Peers, name string) (peer.ID, error) {
	names, err := peers.Names(ctx)
	if err != nil {
		return "", fmt.Errorf("look for peer %q: %w", name, err)
	}
	if id, err := peer.Decode(name); err == nil {
		if _, member := names[id]; member {
			return id, nil
		}
	}
	var found peer.ID
	for id, called := range names {
		switch {
		case called != name:
		case found != "":
			return "", fault.With(http.StatusBadRequest, fmt.Errorf("several peers are called %q; use an ID instead", name))
		default:
			found = id
		}
	}
	if found == "" {
		return "", fault.With(http.StatusBadRequest, fmt.Errorf("no peer of the cluster has the name or ID %q", name))
	}
	return found, nil
}
