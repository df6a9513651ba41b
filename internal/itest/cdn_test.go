package itest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// A CDN in front of three gateways fetches what is immutable once, keeps no error, follows a name within its time to live,
// and forgets what is denied.
func TestCDN(t *testing.T) {
	cdn, hook := NewCDN(t)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(cdnToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Start(t, "--config", settingsOf(t, fmt.Sprintf("gateway:\n  purge_url: %s\n  purge_token_file: %s\n", hook, token)))
	cdn.Serve(c.Peers)
	add := func(content string) string {
		cid, err := c.Peers[0].Add([]byte(content), "cid-version=1")
		if err != nil {
			t.Fatal(err)
		}
		return "/ipfs/" + cid
	}

	kept, denied := add("kept for ever"), add("denied later")
	cdn.fetchesOnce(t, kept, denied)
	cdn.keepsNoErrors(t, kept)
	cdn.followsName(t, c)

	if _, err := c.Peers[1].post("/deny", fmt.Sprintf(`{"rule":%q,"reason":"test"}`, denied)); err != nil {
		t.Fatal(err)
	}
	Eventually(t, 20*time.Second, func() error {
		if status, _, _ := cdn.get(t, denied); status != 410 {
			return fmt.Errorf("status %d", status)
		}
		return nil
	})
	if !slices.Equal(cdn.Purged(), []string{denied}) || cdn.refused > 0 {
		t.Errorf("the hook was told %v, and refused %d times", cdn.Purged(), cdn.refused)
	}
	for range 3 {
		if status, _, had := cdn.get(t, denied); status != 410 || had {
			t.Errorf("denied: %d, kept: %t", status, had)
		}
	}
	if _, _, had := cdn.get(t, kept); !had {
		t.Error("what is not denied was forgotten, too")
	}
	if _, err := c.Peers[2].Do("DELETE", "/deny?rule="+denied); err != nil {
		t.Fatal(err)
	}
	Eventually(t, 10*time.Second, func() error {
		if status, body, _ := cdn.get(t, denied); status != 200 || body != "denied later" {
			return fmt.Errorf("status %d, %q", status, body)
		}
		return nil
	})
}

func (d *CDN) get(t *testing.T, path string) (status int, body string, had bool) {
	t.Helper()
	status, body, had, err := d.Get(path)
	if err != nil {
		t.Fatal(err)
	}
	return status, body, had
}

// fetchesOnce checks that immutable content is asked of the gateways once, in each of its forms.
func (d *CDN) fetchesOnce(t *testing.T, kept, denied string) {
	t.Helper()
	for _, path := range []string{kept, denied, kept + "?format=raw", kept + "?format=car"} {
		for i := range 9 {
			if status, _, had := d.get(t, path); status != 200 || had != (i > 0) {
				t.Errorf("%s, request %d: %d, kept: %t", path, i, status, had)
			}
		}
		if n := d.Asked(path); n != 1 {
			t.Errorf("%s: the gateways were asked %d times", path, n)
		}
	}
}

// keepsNoErrors checks that every error is asked for anew.
func (d *CDN) keepsNoErrors(t *testing.T, kept string) {
	t.Helper()
	for path, want := range map[string]int{
		"/ipfs/nonsense": 400, kept + "/below": 404, "/nothing": 404, kept + "?format=car&dag-scope=nonsense": 400, kept + "?format=dag-json": 406,
	} {
		for range 3 {
			if status, _, had := d.get(t, path); status != want || had {
				t.Errorf("%s: %d, not %d, kept: %t", path, status, want, had)
			}
		}
		if n := d.Asked(path); n != 3 {
			t.Errorf("%s: the gateways were asked %d times", path, n)
		}
	}
}

// followsName checks that the CDN shows what a name leads to now, after the time to live of its record.
func (d *CDN) followsName(t *testing.T, c *Cluster) {
	t.Helper()
	var name string
	for i, content := range []string{"first", "second"} {
		cid, err := c.Peers[i].Add([]byte(content), "cid-version=1")
		if err != nil {
			t.Fatal(err)
		}
		name = c.Peers[i].ask(t, "name/publish", "/ipfs/"+cid, "ttl=2s", "allow-offline=true").Name
		Eventually(t, 20*time.Second, func() error {
			status, body, _, err := d.Get("/ipns/" + name)
			if err == nil && (status != 200 || body != content) {
				err = fmt.Errorf("status %d, %q, want %q", status, body, content)
			}
			return err
		})
	}
	Eventually(t, 20*time.Second, func() error { // as long as its time to live
		_, _, had, err := d.Get("/ipns/" + name)
		if err == nil && !had {
			err = errors.New("not kept at all")
		}
		return err
	})
}
