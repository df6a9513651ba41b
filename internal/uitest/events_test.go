package uitest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/underlay/underlay/internal/browser"
	"github.com/underlay/underlay/internal/itest"
)

// soon is within what time an event shows.
const soon = 2 * time.Second

// People see what happens while it does, also when the peer that tells it is killed.
func TestEvents(t *testing.T) {
	b := browser.Open(t)
	script := axe(t)
	c := itest.Start(t)
	balancer := c.Balance()
	url := balancer.API + "/ui/events"
	want := []string{pin(t, c.Peers[0], "before")}

	b.Goto(url, 1280, "light")
	says(b, live, "#events", want[0]) // of the server, or of the stream
	says(b, live, "#stream", "Events show here as they happen.")
	for i, p := range c.Peers {
		want = append(want, pin(t, p, fmt.Sprint("live ", i)))
		says(b, soon, "#events tbody", want[i+1])
	}
	says(b, live, "#events tbody", c.Peers[2].Name) // status changes, of each peer
	says(b, 3*live, "#told", "came in the last 10 seconds")
	t.Run("filter", func(t *testing.T) { filters(b.In(t)) })
	t.Run("pause", func(t *testing.T) { want = append(want, pauses(b.In(t), c)) })
	t.Run("a peer is killed", func(t *testing.T) { want = goesOn(b.In(t), c, want) })
	b.NoFaults()
	b.OnlyAsked(url)
	shot{"events", c.Peers[0].API + "/ui/events", "pinned", script}.check(t, b)
	c.AwaitReady(c.Peers...)
}

// pin pins something of a name that nobody has, and returns its CID.
func pin(t testing.TB, p *itest.Peer, name string) string {
	t.Helper()
	digest, err := multihash.Sum([]byte(name), multihash.IDENTITY, -1)
	if err != nil {
		t.Fatal(err)
	}
	c := cid.NewCidV1(cid.Raw, digest).String()
	if _, err := p.Do(http.MethodPost, "/pins/"+c+"?name=event"); err != nil {
		t.Fatal(err)
	}
	return c
}

// filters shows one kind alone, and all again.
func filters(b *browser.Tab) {
	const shown = "#events tbody tr:not([hidden])"
	click := func(kind string) {
		browser.Evaluate[bool](b, fmt.Sprintf("document.querySelector('input[value=%s]').click(), true", kind))
	}
	for _, kind := range []string{"pinned", "unpinned", "membership"} {
		click(kind)
	}
	counts(b, live, 0, shown+`:not([data-kind="status"])`)
	if n := browser.Evaluate[int64](b, fmt.Sprintf("document.querySelectorAll(%q).length", shown)); n == 0 {
		b.T.Error("no status is shown")
	}
	for _, kind := range []string{"pinned", "unpinned", "membership"} {
		click(kind)
	}
	counts(b, live, 0, "#events tbody tr[hidden]")
}

// pauses lets an event come while the page is paused, which shows it when it goes on.
func pauses(b *browser.Tab, c *itest.Cluster) string {
	press := "document.querySelector('#pause').click(), true"
	browser.Evaluate[bool](b, press)
	made := pin(b.T, c.Peers[1], "while it is paused")
	itest.Eventually(b.T, live, func() error {
		if text := browser.Evaluate[string](b, "document.querySelector('#pause').textContent"); text == "Go on (0 new)" {
			return fmt.Errorf("the button says %q", text)
		}
		return nil
	})
	counts(b, live, 0, fmt.Sprintf(`#events tr[data-kind="pinned"] a[href="/ui/pins/%s"]`, made))
	browser.Evaluate[bool](b, press)
	counts(b, live, 1, fmt.Sprintf(`#events tr[data-kind="pinned"] a[href="/ui/pins/%s"]`, made))
	return made
}

// goesOn kills each peer in turn, so that of the peer that tells the page too, while pins are made.
func goesOn(b *browser.Tab, c *itest.Cluster, want []string) []string {
	for i, killed := range c.Peers {
		c.Kill(killed)
		for n := range 5 {
			itest.Eventually(b.T, time.Minute, func() error {
				_, err := c.Peers[(i+1)%3].Do(http.MethodGet, "/pins?limit=1")
				return err
			})
			want = append(want, pin(b.T, c.Peers[(i+1)%3], fmt.Sprint("without ", i, n)))
		}
		says(b, time.Minute, "#events tbody", want[len(want)-1])
		says(b, time.Minute, "#stream", "Events show here as they happen.")
		c.Restart(killed)
		c.AwaitReady(c.Peers...)
	}
	text := browser.Evaluate[string](b, `JSON.stringify([...document.querySelectorAll('#events tr[data-kind="pinned"] a')].map(a => a.textContent).reverse())`)
	var got []string
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		b.T.Fatal(err)
	}
	if !slices.Equal(got, want) {
		b.T.Errorf("the page has told %d pins:\n%q, want %d:\n%q", len(got), got, len(want), want)
	}
	return want
}
