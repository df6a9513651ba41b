package rest

import (
	"context"
	"net/http"

	"github.com/underlay/underlay/internal/vitals"
	"github.com/underlay/underlay/proxy/member"
	"github.com/underlay/underlay/proxy/overview"
)

// Overview is what GET /overview needs of the peer.
type Overview interface {
	// Overview returns a picture of the cluster.
	Overview(ctx context.Context) (overview.Overview, error)
}

// Links is what GET /health/graph needs of the peer.
type Links interface {
	// Ask asks all members to whom they are connected.
	Ask(ctx context.Context) (member.Answers[vitals.Links], error)
}

// overview is an addition of ours: how all peers are, from what each knows without waiting for others.
func (a *handlers) overview(w http.ResponseWriter, r *http.Request) {
	o, err := a.Overview.Overview(r.Context())
	a.reply(w, r, o, err)
}

func (a *handlers) graph(w http.ResponseWriter, r *http.Request) {
	if a.Links == nil {
		graph, err := a.Cluster.ConnectGraph()
		a.reply(w, r, graph, err)
		return
	}
	links, err := a.Links.Ask(r.Context())
	a.reply(w, r, overview.Graph(a.Peers.ID(), links), err)
}
