package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"

	cmds "github.com/ipfs/go-ipfs-cmds"
	"github.com/libp2p/go-libp2p/core/peer"
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

// peerHeader names, in an answer, the peer that gave it. In a request it chooses a peer, by ID or by name, which then
// answers for its own node alone.
const peerHeader = "X-Underlay-Peer"

// addressed hands a request to the peer that it names: to alone if that is this one, else over to the other. Requests that
// name none are for the cluster.
type addressed struct {
	peers          Peers
	alone, cluster http.Handler
	forward        http.Handler
}

func newAddressed(peers Peers, alone, cluster http.Handler, logger *slog.Logger) *addressed {
	a := &addressed{peers: peers, cluster: answering(peers.ID(), cluster), alone: answering(peers.ID(), alone)}
	a.forward = &httputil.ReverseProxy{
		Transport:     peers.Transport(),
		FlushInterval: -1, // at once
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", r.In.Header.Get(peerHeader)
			r.Out.URL.RawQuery = r.In.URL.RawQuery // as it is, well formed or not: the other tells its faults
			r.Out.Host = r.In.Host
			if through := r.In.Header["X-Forwarded-For"]; through != nil { // whether a proxy is on the way decides when to answer
				r.Out.Header["X-Forwarded-For"] = through
			}
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			w.Header().Set(peerHeader, peers.ID().String())
			writeUnavailable(w, fmt.Errorf("peer %s cannot be reached: %w", r.Header.Get(peerHeader), err))
		},
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	return a
}

func (a *addressed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.Header.Get(peerHeader)
	if command := commandOf(r); name == "" && (command == "repo/stat" || command == "stats/repo") {
		name = r.URL.Query().Get("peer")
	}
	if name == "" {
		a.cluster.ServeHTTP(w, r)
		return
	}
	id, err := find(r.Context(), a.peers, name)
	switch {
	case err != nil:
		w.Header().Set(peerHeader, a.peers.ID().String())
		if status := errorStatus(err); status != http.StatusBadRequest {
			writeUnavailable(w, err)
			return
		}
		writeKuboError(w, http.StatusBadRequest, cmds.Errorf(cmds.ErrClient, "%s", err))
	case id == a.peers.ID():
		a.alone.ServeHTTP(w, r)
	default:
		a.send(id, w, r)
	}
}

// send hands the request over and its answer back, both as they are and while they come.
func (a *addressed) send(id peer.ID, w http.ResponseWriter, r *http.Request) {
	// A command may answer before it has read all of its input. HTTP/2 needs no permission for that.
	_ = http.NewResponseController(w).EnableFullDuplex()
	r = r.Clone(r.Context())
	r.Header.Set(peerHeader, id.String())
	a.forward.ServeHTTP(w, r)
}

// find returns the member that is meant by an ID or a name.
func find(ctx context.Context, peers Peers, name string) (peer.ID, error) {
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
			return "", withStatus(http.StatusBadRequest, fmt.Errorf("several peers are called %q; use an ID instead", name))
		default:
			found = id
		}
	}
	if found == "" {
		return "", withStatus(http.StatusBadRequest, fmt.Errorf("no peer of the cluster has the name or ID %q", name))
	}
	return found, nil
}

// writeUnavailable answers that the same request may succeed a little later.
func writeUnavailable(w http.ResponseWriter, err error) {
	w.Header().Set("Retry-After", retryAfterSeconds)
	writeKuboError(w, http.StatusServiceUnavailable, cmds.Errorf(cmds.ErrNormal, "%s", err))
}

// writeKuboError answers a command with an error in kubo's form.
func writeKuboError(w http.ResponseWriter, status int, fault cmds.Error) {
	body, err := json.Marshal(fault)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client is gone if this fails
}
