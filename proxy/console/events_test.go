package console_test

import (
	"strings"
	"testing"

	"github.com/underlay/underlay/internal/event"
	"github.com/underlay/underlay/internal/vitals"
	"github.com/underlay/underlay/proxy/overview"
)

// Without a script people see the latest changes, the last one first; names are text.
func TestEvents(t *testing.T) {
	const hostile = `"><script src=//evil.example></script>`
	f := &fake{
		overview: overview.Overview{Peers: []overview.Peer{{Vitals: vitals.Vitals{ID: "p", Name: hostile}}}},
		recent: []event.Event{
			{ID: "6-1", Type: event.Pinned, Cid: "cidA", Name: hostile}, {ID: "7-1", Type: event.Unpinned, Cid: "cidB"},
		},
	}
	page := get(newConsole(t, f), "/ui/events").Body.String()
	if strings.Contains(page, "<script src=//") || strings.Count(page, "&lt;script src=//evil.example&gt;") != 2 {
		t.Errorf("the names are not text:\n%s", page)
	}
	first, last := strings.Index(page, `href="/ui/pins/cidA"`), strings.Index(page, `href="/ui/pins/cidB"`)
	if first < 0 || last < 0 || last > first || !strings.Contains(page, `data-since="7-1"`) {
		t.Errorf("the events are at %d and %d:\n%s", first, last, page)
	}
}
