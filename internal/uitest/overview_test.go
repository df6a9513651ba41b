package uitest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/browser"
	"github.com/underlay/underlay/internal/itest"
)

// live is within what time a page shows what has changed.
const live = 5 * time.Second

// What people see of a cluster, and that they see it change.
func TestOverview(t *testing.T) {
	b := browser.Open(t)
	script := axe(t)
	c := itest.Start(t)
	url := c.Peers[0].API + "/ui/"

	t.Run("weight", func(t *testing.T) { weighs(b.In(t), url) })
	shot{"overview", url, "3 of 3 peers answer", script}.check(t, b)
	t.Run("keyboard", func(t *testing.T) { skips(b.In(t), url) })
	t.Run("a peer hangs", func(t *testing.T) { seesHang(t, b.In(t), c, script) })
	t.Run("a peer is killed", func(t *testing.T) { seesKill(t, b.In(t), c, script) })
}

// weighs opens the first page with nothing in the browser's cache.
func weighs(b *browser.Tab, url string) {
	b.Goto(url, 1280, "light")
	weight := b.Weight()
	b.T.Logf("the first page is %d bytes", weight)
	if weight < 10_000 || weight > heaviest {
		b.T.Errorf("the first page is %d bytes, want at most %d", weight, heaviest)
	}
}

// skips goes through the page without a mouse.
func skips(b *browser.Tab, url string) {
	b.Goto(url, 1280, "light")
	b.Key("\t")
	if text := browser.Evaluate[string](b, "document.activeElement.textContent"); text != "Skip to the content" {
		b.T.Errorf("the first stop is %q", text)
	}
	b.Key("\r")
	if id := browser.Evaluate[string](b, "document.activeElement.id"); id != "content" {
		b.T.Errorf("it leads to %q", id)
	}
}

// says waits until the page, which nobody touches, says something.
func says(b *browser.Tab, within time.Duration, selector, want string) {
	b.T.Helper()
	itest.Eventually(b.T, within, func() error {
		text := browser.Evaluate[string](b, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
		if !strings.Contains(text, want) {
			return fmt.Errorf("%s says %q, want %q", selector, text, want)
		}
		return nil
	})
}

// seesHang stops the leader without ending it: within 5 s it is red. That another one leads takes longer to show: the others
// elect it when they have not heard of the old one for some time, and each picture waits for who does not answer.
func seesHang(t *testing.T, b *browser.Tab, c *itest.Cluster, script string) {
	leader, others := leaderOf(b.T, c)
	url := others[0].API + "/ui/"
	b.Goto(url, 1280, "light")
	says(b, live, "#summary", "3 of 3 peers answer, "+leader.Name+" leads.")
	c.Pause(leader)
	hung := time.Now()
	says(b, live, "#peer-"+leader.ID, "does not answer")
	b.T.Logf("seen to hang after %s", time.Since(hung).Round(time.Millisecond))
	seesLeader(b, hung, 2*live, others)
	shot{"hung", url, "does not answer", script}.check(t, b)
	b.Goto(url, 1280, "light")
	c.Resume(leader)
	says(b, time.Minute, "#summary", "3 of 3 peers answer")
	c.AwaitReady(c.Peers...)
}

// seesLeader waits until the page says that one of some peers leads, at most for so long since a moment.
func seesLeader(b *browser.Tab, since time.Time, within time.Duration, peers []*itest.Peer) {
	b.T.Helper()
	itest.Eventually(b.T, within-time.Since(since), func() error {
		leader := browser.Evaluate[string](b, "document.querySelector('dl.figures dd').innerText")
		for _, p := range peers {
			if strings.Contains(leader, p.Name) {
				return nil
			}
		}
		return fmt.Errorf("the leader is %q", leader)
	})
	b.T.Logf("another one leads after %s", time.Since(since).Round(time.Millisecond))
}

// seesKill kills the leader and finds it red, and another leader; then what the last peer alone can tell; and at last that
// the page itself is old.
func seesKill(t *testing.T, b *browser.Tab, c *itest.Cluster, script string) {
	leader, others := leaderOf(b.T, c)
	url := others[0].API + "/ui/"
	b.Goto(url, 1280, "light")
	says(b, live, "#summary", "3 of 3 peers answer, "+leader.Name+" leads.")
	killed := time.Now()
	c.Kill(leader)
	says(b, live, "#peer-"+leader.ID, "does not answer")
	says(b, live, "#alerts", "Peer "+leader.Name+" does not answer")
	says(b, live, "#summary", "2 of 3 peers answer, ")
	seesLeader(b, killed, live, others)
	shot{"killed", url, "does not answer", script}.check(t, b)
	b.Goto(url, 1280, "light")
	c.Kill(others[1])
	says(b, 3*live, "#summary", "1 of 3 peers answer, and there is no leader.")
	says(b, live, "#alerts", "The cluster has no leader")
	shot{"no-leader", url, "no leader", script}.check(t, b)
	b.Goto(url, 1280, "light")
	c.Restart(leader)
	c.Restart(others[1])
	says(b, time.Minute, "#summary", "3 of 3 peers answer")
	c.Kill(others[0])
	says(b, live, "#stale", "This peer does not answer any more.")
	b.Shoot("console-stale")
	c.Restart(others[0])
	itest.Eventually(b.T, time.Minute, func() error {
		if text := browser.Evaluate[string](b, "document.querySelector('#stale').innerText"); text != "" {
			return fmt.Errorf("the peer is back, and the page says %q", text)
		}
		return nil
	})
	says(b, time.Minute, "#summary", "3 of 3 peers answer")
	c.AwaitReady(c.Peers...)
}

// leaderOf tells who leads, and who does not.
func leaderOf(t testing.TB, c *itest.Cluster) (leader *itest.Peer, others []*itest.Peer) {
	t.Helper()
	itest.Eventually(t, time.Minute, func() error {
		answer, err := c.Peers[0].Do(http.MethodGet, "/health/consensus")
		if err != nil {
			return err
		}
		var known struct{ Leader string }
		if err := json.Unmarshal(answer, &known); err != nil {
			return err
		}
		leader, others = nil, nil
		for _, p := range c.Peers {
			if p.ID == known.Leader {
				leader = p
			} else {
				others = append(others, p)
			}
		}
		if leader == nil {
			return errors.New("there is no leader")
		}
		return nil
	})
	return leader, others
}
