package console_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/underlay/underlay/internal/event"
	"github.com/underlay/underlay/internal/metrics/history"
	"github.com/underlay/underlay/internal/vitals"
	"github.com/underlay/underlay/proxy/console"
	"github.com/underlay/underlay/proxy/member"
	"github.com/underlay/underlay/proxy/overview"
)

// fake is a cluster that is as the test says.
type fake struct {
	overview overview.Overview
	links    member.Answers[vitals.Links]
	hours    member.Answers[history.Hour]
	recent   []event.Event
	err      error
	pins     *pins

	adder    adder
	commands commands
}

// Overview implements console.Overview.
func (f *fake) Overview(context.Context) (overview.Overview, error) { return f.overview, f.err }

// RecentEvents implements console.Events.
func (f *fake) RecentEvents(int) ([]event.Event, string) { return f.recent, "7-1" }

// answers are what members say.
type answers[T any] struct {
	all member.Answers[T]
	err error
}

func (a answers[T]) Ask(context.Context) (member.Answers[T], error) { return a.all, a.err }

// newConsole makes a console of a fake cluster.
func newConsole(t *testing.T, f *fake) *console.Console {
	t.Helper()
	if f.pins == nil {
		f.pins = somePins(0)
	}
	c, err := console.New(console.Options{
		Overview: f, Pins: f.pins, Unfinished: f.pins, Adder: &f.adder, Commands: &f.commands,
		Links: answers[vitals.Links]{f.links, f.err}, Hours: answers[history.Hour]{f.hours, f.err}, Events: f,
		Gateway: console.Gateway{Port: "8080"}, Version: "1.2.3", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// get asks for a path; pairs of header names and values follow.
func get(h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
