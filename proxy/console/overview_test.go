package console_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/vitals"
	"github.com/underlay/underlay/proxy/overview"
)

// What peers call themselves is text, whatever it is.
func TestOverviewShowsNamesAsText(t *testing.T) {
	const hostile = `"><script src=//evil.example></script><!--`
	peer := overview.Peer{Vitals: vitals.Vitals{ID: `x" onclick="y`, Name: hostile, Version: hostile, Tags: map[string]string{"zone": hostile}}}
	w := get(newConsole(t, &fake{overview: overview.Overview{
		Leader: peer.ID, Asked: peer.ID, Peers: []overview.Peer{peer}, Alerts: []overview.Alert{{Grave: true, Text: hostile}},
	}}), "/ui/")
	page := w.Body.String()
	if strings.Contains(page, "<script src=//") || strings.Contains(page, `" onclick="`) || strings.Contains(page, "<!--") {
		t.Errorf("a name has become markup:\n%s", page)
	}
	if strings.Count(page, "&lt;script src=//evil.example&gt;") < 4 {
		t.Errorf("the names are not shown:\n%s", page)
	}
}

// Without a leader, and with a peer that does not answer, the page shows what is known and says so.
func TestOverviewWithoutLeader(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	here := overview.Peer{Seen: now, Vitals: vitals.Vitals{
		ID: "a", Name: "here", Consensus: vitals.Consensus{Voter: true}, Disk: vitals.Disk{Used: 1 << 30, Free: 3 << 30},
		Memory: vitals.Memory{Used: 64 << 20, Limit: 1 << 30}, Pins: vitals.Pins{Total: 1234567, Failed: 2},
	}}
	away := overview.Peer{Vitals: vitals.Vitals{ID: "b", Name: "away"}, Fault: "no route", Seen: now.Add(-90 * time.Second)}
	w := get(newConsole(t, &fake{overview: overview.Overview{
		At: now, Asked: "a", Term: 7, Pins: 1234567, Peers: []overview.Peer{here, away},
		Alerts: []overview.Alert{{Grave: true, Text: "Peer away does not answer.", Since: away.Seen}},
	}}), "/ui/")
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, want := range []string{
		"1 of 2 peers answer, and there is no leader.", "Peer away does not answer. It last answered 1m ago.", "1.0 GiB of 4.0 GiB",
		"64.0 MiB of 1.0 GiB", "1\u202f234\u202f567", "term 7", `<span class="state bad">does not answer</span>`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page does not say %q:\n%s", want, w.Body)
		}
	}
}
