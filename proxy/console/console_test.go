package console_test

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/proxy/access"
	"github.com/underlay/underlay/proxy/console"
)

// Every page forbids whatever is not of its own host, and all that stands in the page itself.
func TestPolicy(t *testing.T) {
	c := newConsole(t, &fake{})
	for path, status := range map[string]int{"/ui/": 200, "/ui/nothing": 404, "/ui/static/nothing.js": 404} {
		w := get(c, path)
		policy := w.Header().Get("Content-Security-Policy")
		if w.Code != status || !strings.HasPrefix(policy, "default-src 'none'; script-src 'self';") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %d, %q", path, w.Code, policy)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: browsers may guess what it is", path)
		}
		if inline := regexp.MustCompile(`(?i)<style|\sstyle=|<script[^>]*>[^<]|\son[a-z]+=`).FindString(w.Body.String()); inline != "" {
			t.Errorf("%s has %q", path, inline)
		}
	}
}

// What pages need is there, is kept for ever under its name, and comes compressed to whoever can read that.
func TestAssets(t *testing.T) {
	c := newConsole(t, &fake{})
	urls := regexp.MustCompile(`/ui/static/[\w.-]+`).FindAllString(get(c, "/ui/").Body.String(), -1)
	if len(urls) < 4 {
		t.Fatalf("the page has only %q", urls)
	}
	for _, url := range urls {
		plain, zipped := get(c, url), get(c, url, "Accept-Encoding", "gzip, br")
		if plain.Code != http.StatusOK || !strings.Contains(plain.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d, %v", url, plain.Code, plain.Header())
		}
		r, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		if content, err := io.ReadAll(r); err != nil || string(content) != plain.Body.String() {
			t.Errorf("%s is another file when it is compressed: %v", url, err)
		}
		other := regexp.MustCompile(`\.[0-9a-f]{12}\.`).ReplaceAllString(url, ".000000000000.")
		if w := get(c, other); w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" || w.Body.String() != plain.Body.String() {
			t.Errorf("%s, as a peer of another version has it: %d, %v", other, w.Code, w.Header())
		}
	}
}

// Errors are pages too, with the status of the error.
func TestErrors(t *testing.T) {
	for _, f := range []struct {
		err    error
		status int
	}{{consensus.ErrNoLeader, 503}, {errors.New("<b>broken</b>"), 500}} {
		w := get(newConsole(t, &fake{err: f.err}), "/ui/")
		if w.Code != f.status || strings.Contains(w.Body.String(), "<b>broken") || !strings.Contains(w.Body.String(), "<main") {
			t.Errorf("%v: %d %s", f.err, w.Code, w.Body)
		}
	}
}

// A page whose name was made to lead to this machine sees nothing, though it is alone on its site for its browser.
func TestReboundPages(t *testing.T) {
	c := newConsole(t, &fake{})
	for host, status := range map[string]int{"evil.example:9095": 403, "localhost:9095": 200, "127.0.0.1:9095": 200} {
		r := httptest.NewRequest(http.MethodGet, "/ui/", nil)
		r.Host = host
		local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9095}
		w := httptest.NewRecorder()
		c.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, local)))
		if w.Code != status {
			t.Errorf("%s: %d", host, w.Code)
		}
	}
}

// Whoever is not let in gets a page where the console is, and what its API says elsewhere.
func TestDialect(t *testing.T) {
	refuse := console.Dialect(access.Private)
	for path, kind := range map[string]string{
		"/ui/": "text/html; charset=utf-8", "/ui": "text/html; charset=utf-8", "/uid": "application/json", "/pins": "application/json",
	} {
		w := httptest.NewRecorder()
		refuse(w, httptest.NewRequest(http.MethodGet, path, nil), http.StatusForbidden, "<b>no</b>")
		if got := w.Header().Get("Content-Type"); w.Code != http.StatusForbidden || got != kind || strings.Contains(w.Body.String(), "<b>") {
			t.Errorf("%s: %d %s %s", path, w.Code, got, w.Body)
		}
	}
}
