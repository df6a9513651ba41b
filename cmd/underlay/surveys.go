package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/underlay/underlay/cmd/underlay/meter"
	"github.com/underlay/underlay/internal/metrics/history"
	"github.com/underlay/underlay/internal/vitals"
	"github.com/underlay/underlay/peer"
	"github.com/underlay/underlay/proxy/member"
	"github.com/underlay/underlay/proxy/overview"
)

// surveys are what the members ask each other about themselves, for people who look at the cluster.
type surveys struct {
	overview *overview.Collector
	links    *member.Survey[vitals.Links]
	hours    *member.Survey[history.Hour]
}

func newSurveys(p *peer.Peer, m *meter.Meter, logger *slog.Logger) surveys {
	hour := func(context.Context) (history.Hour, error) { return m.History.Hour(), nil }
	return surveys{
		overview: overview.New(p, p, logger),
		links:    member.NewSurvey(p, "/links", time.Second, p.Links, logger),
		hours:    member.NewSurvey(p, "/hour", history.Interval/2, hour, logger),
	}
}

// serve answers the other members.
func (s surveys) serve(mux *http.ServeMux) {
	mux.Handle(overview.Path, s.overview.Handler())
	mux.Handle(s.links.Path(), s.links.Handler())
	mux.Handle(s.hours.Path(), s.hours.Handler())
}
