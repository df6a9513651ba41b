package console

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/underlay/underlay/internal/metrics/history"
	"github.com/underlay/underlay/internal/vitals"
	"github.com/underlay/underlay/proxy/member"
)

// Links tells who is connected to whom.
type Links interface {
	Ask(ctx context.Context) (member.Answers[vitals.Links], error)
}

// Hours tells how the peers were in the last hour.
type Hours interface {
	Ask(ctx context.Context) (member.Answers[history.Hour], error)
}

// healthData is what the page of that name shows.
type healthData struct {
	Graph   graphData
	Figures []figure
	Absent  string // who does not answer, in words
}

// health shows how the peers are connected, and how they were in the last hour.
func (c *Console) health(w http.ResponseWriter, r *http.Request) error {
	links, err := c.o.Links.Ask(r.Context())
	if err != nil {
		return err
	}
	hours, err := c.o.Hours.Ask(r.Context())
	if err != nil {
		return err
	}
	past := newHour(hours)
	c.show(w, r, http.StatusOK, "health", "Health", healthData{newGraph(links), past.Figures, strings.Join(past.Absent, ", ")})
	return nil
}

// hour answers with the values of the charts, for the script of the page.
func (c *Console) hour(w http.ResponseWriter, r *http.Request) error {
	hours, err := c.o.Hours.Ask(r.Context())
	if err != nil {
		return err
	}
	answer, err := json.Marshal(newHour(hours))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Vary", "Accept-Encoding")
	if acceptsGzip(r) {
		if answer, err = zip(answer); err != nil {
			return err
		}
		w.Header().Set("Content-Encoding", "gzip")
	}
	_, _ = w.Write(answer) // the browser has gone if this fails
	return nil
}
