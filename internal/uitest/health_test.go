package uitest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/browser"
	"github.com/underlay/underlay/internal/itest"
)

// People see how the peers and their nodes are connected, and how the peers were in the last hour; that connections are lost
// when a peer is killed, and that one hangs.
func TestHealth(t *testing.T) {
	b := browser.Open(t)
	script := axe(t)
	c := itest.Start(t)
	for i := range 3 {
		if _, err := c.Peers[i].Add([]byte(fmt.Sprint("figure ", i)), "cid-version=1"); err != nil {
			t.Fatal(err)
		}
	}
	url := c.Peers[0].API + "/ui/health"
	b.Goto(url, 1280, "light")
	says(b, 3*live, "#connected", "3 peers, each with its node. All are connected with each other.")
	counts(b, live, 3, ".graph .vertex.peer.good")
	counts(b, live, 3, ".graph .vertex.node.good")
	counts(b, live, 9, ".graph .link.good")
	// Two samples make a mean, ten seconds apart.
	says(b, time.Minute, "#figure-memory figcaption", "MiB")
	says(b, time.Minute, "#figure-cpu .values", "0.")
	for _, figure := range []string{"commit", "operations", "unsettled", "rpc", "gateway", "gateway_errors", "disk_free", "memory", "cpu"} {
		isDrawn(b, figure)
	}
	for _, p := range c.Peers {
		says(b, live, "#figure-memory .values", p.Name)
	}
	shot{"health", url, "All are connected", script}.check(t, b)

	b.Goto(url, 1280, "light")
	isDrawn(b, "memory")
	browser.Evaluate[bool](b, "document.querySelector('#figure-memory canvas').kept = true")
	c.Kill(c.Peers[2])
	says(b, live, "#links-"+c.Peers[2].ID, "does not answer")
	counts(b, live, 4, ".graph .link.good") // two peers, and each with its node
	counts(b, live, 5, ".graph .link.bad")
	says(b, 4*live, "#live", "Of "+c.Peers[2].Name+" there are no figures")
	isDrawn(b, "memory")
	if !browser.Evaluate[bool](b, "document.querySelector('#figure-memory canvas').kept === true") {
		t.Error("the charts are made anew when the page is renewed")
	}
	shot{"health-killed", url, "does not answer", script}.check(t, b)
	c.Restart(c.Peers[2])
	b.Goto(url, 1280, "light")
	counts(b, time.Minute, 9, ".graph .link.good")

	c.Pause(c.Peers[1])
	says(b, live, "#links-"+c.Peers[1].ID, "does not answer")
	counts(b, live, 2, ".graph .link.warn") // the others still have connections to it
	c.Resume(c.Peers[1])
	counts(b, time.Minute, 9, ".graph .link.good")
	c.AwaitReady(c.Peers...)
	b.OnlyAsked(url)
	b.NoFaults()
}

// counts waits until a page has so many elements.
func counts(b *browser.Tab, within time.Duration, want int64, selector string) {
	b.T.Helper()
	itest.Eventually(b.T, within, func() error {
		if n := browser.Evaluate[int64](b, fmt.Sprintf("document.querySelectorAll(%q).length", selector)); n != want {
			return fmt.Errorf("there are %d of %s, want %d", n, selector, want)
		}
		return nil
	})
}

// isDrawn waits until the chart of a figure has been drawn with lines or dots in the colours of its legend.
func isDrawn(b *browser.Tab, figure string) {
	b.T.Helper()
	const pixels = `(() => {
		const place = document.querySelector('#figure-%s')
		const canvas = place.querySelector('canvas')
		if (!canvas) return -1
		const colours = [...place.querySelectorAll('.swatch line')].map(l => getComputedStyle(l).stroke.match(/\d+/g).map(Number))
		const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
		let found = 0
		for (let i = 0; i < data.length; i += 4)
			if (data[i + 3] > 200 && colours.some(([r, g, b]) => Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 30)) found++
		return found
	})()`
	expression := strings.Replace(pixels, "%s", figure, 1)
	itest.Eventually(b.T, time.Minute, func() error {
		if n := browser.Evaluate[int64](b, expression); n < 3 {
			return fmt.Errorf("the chart of %s has %d pixels in the colours of its lines", figure, n)
		}
		return nil
	})
}
