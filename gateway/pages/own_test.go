package pages

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLandingPage(t *testing.T) {
	p := newPages(t, Options{})
	got := ask(t, p, "GET", "/")
	if got.StatusCode != 200 || !strings.Contains(got.body, "underlay gateway") || !strings.Contains(got.body, "/ipfs/CID") {
		t.Errorf("status %d: %s", got.StatusCode, got.body)
	}
	checkOurs(t, got)
	if head := ask(t, p, "HEAD", "/"); head.StatusCode != 200 || head.ContentLength != int64(len(got.body)) {
		t.Errorf("HEAD: status %d, length %d of %d", head.StatusCode, head.ContentLength, len(got.body))
	}
	if post := ask(t, p, "POST", "/"); post.StatusCode != 405 || post.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: status %d, Allow %q", post.StatusCode, post.Header.Get("Allow"))
	}
}

func TestLandingPageCanBeSet(t *testing.T) {
	dir := t.TempDir()
	page, robots := filepath.Join(dir, "page.html"), filepath.Join(dir, "robots.txt")
	for name, content := range map[string]string{page: "<h1>ours</h1><script src=x.js></script>", robots: "User-agent: *\nAllow: /\n"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name           string
		options        Options
		location, body string
		status         int
	}{
		{"a file", Options{Landing: page}, "", "<h1>ours</h1><script src=x.js></script>", 200},
		{"a URL", Options{Redirect: "https://www.example.org/"}, "https://www.example.org/", "", 302},
		{"a path", Options{Redirect: "/ipns/docs.example.org"}, "/ipns/docs.example.org", "", 302},
		{"anything, as the node's settings may have it", Options{Redirect: "3-0"}, "/3-0", "", 302},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ask(t, newPages(t, c.options), "GET", "/")
			if got.StatusCode != c.status || got.Header.Get("Location") != c.location || !strings.Contains(got.body, c.body) {
				t.Errorf("status %d to %q: %q", got.StatusCode, got.Header.Get("Location"), got.body)
			}
			if got.Header.Get("Content-Security-Policy") != "" {
				t.Error("the operator's own page gets our policy, which would break it")
			}
		})
	}
	if got := ask(t, newPages(t, Options{Robots: robots}), "GET", "/robots.txt"); got.body != "User-agent: *\nAllow: /\n" {
		t.Errorf("robots.txt is %q", got.body)
	}
	for _, o := range []Options{{Landing: filepath.Join(dir, "none")}, {Robots: filepath.Join(dir, "none")}} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), "none") {
			t.Errorf("a file that is not there: %v", err)
		}
	}
}

func TestRobotsAndIcon(t *testing.T) {
	p := newPages(t, Options{})
	robots := ask(t, p, "GET", "/robots.txt")
	if robots.StatusCode != 200 || !strings.HasPrefix(robots.Header.Get("Content-Type"), "text/plain") || !strings.Contains(robots.body, "Disallow: /ipfs/\n") {
		t.Errorf("status %d, type %q: %q", robots.StatusCode, robots.Header.Get("Content-Type"), robots.body)
	}
	icon := ask(t, p, "GET", "/favicon.ico")
	if picture, err := png.Decode(bytes.NewReader([]byte(icon.body))); err != nil || picture.Bounds().Dx() != 32 {
		t.Errorf("the icon: %v", err)
	}
	if p.Has("/ipfs/") || !p.Has("/") {
		t.Error("Has is wrong about what there is")
	}
	if got := ask(t, p, "GET", "/else"); got.StatusCode != 404 {
		t.Errorf("another path: status %d", got.StatusCode)
	}
}
