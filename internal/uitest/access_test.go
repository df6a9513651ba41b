package uitest

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/browser"
	"github.com/underlay/underlay/internal/itest"
)

// Nobody sees the console of a closed cluster without a credential; who has one signs in once, as the browser asks, and what is live
// stays live. When the credential is revoked, the page says that it is old.
func TestCredentials(t *testing.T) {
	b := browser.Open(t)
	c := itest.Start(t)
	_, admin, err := c.Peers[0].MakeToken("administrator", `"admin"`)
	if err != nil {
		t.Fatal(err)
	}
	c.As(admin)
	id, token, err := c.Peers[0].MakeToken("viewer", `"read"`)
	if err != nil {
		t.Fatal(err)
	}
	url := c.Peers[1].API + "/ui/"

	for _, wrong := range []string{"", "a wrong password", "ul_" + strings.Repeat("0", 64)} {
		t.Run("with "+wrong, func(t *testing.T) {
			b := b.In(t)
			b.SignIn("anybody", wrong)
			b.Goto(url, 1280, "light")
			if status := b.StatusOf("/ui/"); status != http.StatusUnauthorized {
				t.Errorf("status %d", status)
			}
			if text := browser.Evaluate[string](b, "document.body.innerText"); !strings.Contains(text, "Not let in") {
				t.Errorf("the page says %q", text)
			}
			b.Shoot("console-refused")
		})
	}
	b.SignIn("anybody", token)
	b.Goto(url, 1280, "light")
	says(b, live, "#summary", "3 of 3 peers answer")
	says(b, live, ".foot", "You are token "+id+" (read).")
	c.Kill(c.Peers[2])
	says(b, live, "#summary", "2 of 3 peers answer")
	b.OnlyAsked(url)
	b.NoFaults()
	if _, err := c.Peers[0].Do(http.MethodDelete, "/access/tokens/"+id); err != nil {
		t.Fatal(err)
	}
	says(b, live, "#stale", "This peer refuses to show this page now (401).")
	c.Restart(c.Peers[2])
	c.AwaitReady(c.Peers...)
	itest.Eventually(t, time.Minute, func() error { _, err := c.Peers[2].Do(http.MethodGet, "/id"); return err })
}
