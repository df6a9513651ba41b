package pages

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

const browserAccepts = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

// failing answers as boxo and the other layers do.
func failing(status int, header ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		http.Error(w, "what <boxo> says", status)
	})
}

func TestErrorsSayWhatHappenedAndWhatToTry(t *testing.T) {
	p := newPages(t, Options{Content: shelf{missing: "b & c", parts: 2}, Diagnostics: "https://check.example"})
	for _, c := range []struct {
		name, path string
		status     int
		header     []string
		want       []string
	}{
		{"part of a path", "/ipfs/" + directory + "/a/b%20&%20c/d", 404,
			[]string{"X-Ipfs-Path", "/ipfs/" + directory + "/a/b & c/d"},
			[]string{"There is no “b &amp; c” here", "/ipfs/" + directory + "/a", `href="/ipfs/` + directory + `/a/"`}},
		{"part of a path below a host name", "/a/b%20&%20c/d", 404,
			[]string{"X-Ipfs-Path", "/ipfs/" + directory + "/a/b & c/d"}, []string{`href="/a/"`}},
		{"no such page", "/nothing", 404, nil, []string{"nothing at this address", `href="/"`}},
		{"not a CID", "/ipfs/nonsense", 400, nil, []string{"not complete or not correct"}},
		{"denied", "/ipfs/" + directory, 410, nil, []string{"does not serve this content", "mistake"}},
		{"denied by law", "/ipfs/" + directory, 451, nil, []string{"does not serve this content", "not allowed to"}},
		{"too many requests", "/ipfs/" + directory, 429, []string{"Retry-After", "60"}, []string{"Too many requests", "in 60 seconds"}},
		{"too many requests for a second", "/ipfs/" + directory, 429, []string{"Retry-After", "1"}, []string{"in a second."}},
		{"not found in time", "/ipfs/" + directory + "/film", 504, nil,
			[]string{"not found in time", `href="https://check.example/?cid=` + directory + `"`, "check.example</a>"}},
		{"starting", "/ipfs/" + directory, 503, nil, []string{"Not available at the moment", "in 5 seconds"}},
		{"read only", "/ipfs/" + directory, 405, nil, []string{"can only be read"}},
		{"range of a large file", "/ipfs/" + directory, 501, nil, []string{"This did not work"}},
		{"range behind the end", "/ipfs/" + directory, 416, nil, []string{"behind the file"}},
		{"not cached", "/ipfs/" + directory, 412, nil, []string{"Not in this gateway"}},
		{"trustless only", "/ipfs/" + directory, 406, nil, []string{"?format=raw"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ask(t, p.Errors(failing(c.status, c.header...)), "GET", c.path, "Accept", browserAccepts)
			if got.StatusCode != c.status || got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("Vary") != "Accept" {
				t.Errorf("status %d, headers %v", got.StatusCode, got.Header)
			}
			for _, want := range append(c.want, "what &lt;boxo&gt; says", http.StatusText(c.status)) {
				if !strings.Contains(got.body, want) {
					t.Errorf("the page lacks %q:\n%s", want, got.body[strings.Index(got.body, "<main"):])
				}
			}
			if again := c.status == 429 || c.status == 503 || c.status == 504; again != (got.Header.Get("Retry-After") != "") {
				t.Errorf("Retry-After %q", got.Header.Get("Retry-After"))
			}
			if id := got.Header.Get("X-Request-Id"); id != "" {
				t.Errorf("request number %q for what is not the gateway's failure", id)
			}
			checkOurs(t, got)
		})
	}
}

// A failure of the gateway has a number, on the page and in the log.
func TestFailuresAreNumbered(t *testing.T) {
	var logged bytes.Buffer
	p := newPages(t, Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	got := ask(t, p.Errors(failing(500)), "GET", "/ipfs/x", "Accept", browserAccepts)
	id := got.Header.Get("X-Request-Id")
	if len(id) != 12 || !strings.Contains(got.body, id) || !strings.Contains(logged.String(), id) {
		t.Errorf("number %q, page %s, log %s", id, got.body, logged.String())
	}
	if again := ask(t, p.Errors(failing(500)), "GET", "/ipfs/x"); again.Header.Get("X-Request-Id") == id || !strings.Contains(again.body, "Request number") {
		t.Errorf("the next failure: %v %q", again.Header, again.body)
	}
	checkOurs(t, got)
}

func TestErrorsAreInTheFormThatTheClientAsksFor(t *testing.T) {
	p, plain := newPages(t, Options{}), newPages(t, Options{PlainErrors: true})
	for _, c := range []struct {
		name, accept, kind string
		pages              *Pages
	}{
		{"a browser", browserAccepts, "text/html; charset=utf-8", p},
		{"curl", "*/*", "text/plain; charset=utf-8", p},
		{"nothing", "", "text/plain; charset=utf-8", p},
		{"JSON", "application/json", "application/problem+json", p},
		{"a problem document", "application/problem+json", "application/problem+json", p},
		{"blocks", "application/vnd.ipld.raw", "text/plain; charset=utf-8", p},
		{"a browser, no HTML wanted", browserAccepts, "text/plain; charset=utf-8", plain},
		{"JSON, no HTML wanted", "application/json", "application/problem+json", plain},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ask(t, c.pages.Errors(failing(404, "Content-Disposition", "attachment", "Etag", `"x"`)), "GET", "/x", "Accept", c.accept)
			if kind := got.Header.Get("Content-Type"); kind != c.kind || got.Header.Get("Etag")+got.Header.Get("Content-Disposition") != "" {
				t.Errorf("headers %v, want the type %s", got.Header, c.kind)
			}
			switch {
			case strings.HasSuffix(c.kind, "json"):
				var told struct {
					Title, Message string
					Status         int
				}
				if err := json.Unmarshal([]byte(got.body), &told); err != nil || told.Status != 404 || told.Title == "" || told.Message != "what <boxo> says" {
					t.Errorf("%v: %s", err, got.body)
				}
			case strings.HasPrefix(c.kind, "text/plain"):
				if !strings.HasPrefix(got.body, "what <boxo> says\n") || !strings.Contains(got.body, "404 Not Found") {
					t.Errorf("the text is %q", got.body)
				}
			}
			head := ask(t, c.pages.Errors(failing(404)), "HEAD", "/x", "Accept", c.accept)
			if head.StatusCode != 404 || head.Header.Get("Content-Type") != c.kind || head.body != "" {
				t.Errorf("HEAD: status %d, headers %v, body %q", head.StatusCode, head.Header, head.body)
			}
		})
	}
}

// What is content passes byte for byte, whatever its status, and so does what next says about caching.
func TestContentPasses(t *testing.T) {
	p := newPages(t, Options{})
	ownPage := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(404)
		_, _ = io.WriteString(w, "the website's own page")
	})
	if got := ask(t, p.Errors(ownPage), "GET", "/x", "Accept", browserAccepts); got.StatusCode != 404 || got.body != "the website's own page" {
		t.Errorf("status %d: %q", got.StatusCode, got.body)
	}
	text := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.Copy(w, strings.NewReader("a text"))
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, " in two parts")
	})
	if got := ask(t, p.Errors(text), "GET", "/x", "Accept", browserAccepts); got.StatusCode != 200 || got.body != "a text in two parts" || got.Header.Get("Vary") != "" {
		t.Errorf("status %d: %q, headers %v", got.StatusCode, got.body, got.Header)
	}
	short := failing(404, "Cache-Control", "public, max-age=5")
	if got := ask(t, p.Errors(short), "GET", "/x", "Accept", browserAccepts); got.Header.Get("Cache-Control") != "public, max-age=5" {
		t.Errorf("Cache-Control %q", got.Header.Get("Cache-Control"))
	}
	silent := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) })
	if got := ask(t, p.Errors(silent), "GET", "/x", "Accept", browserAccepts); !strings.Contains(got.body, "Something went wrong here") {
		t.Errorf("an error without words: %q", got.body)
	}
}

// An error that is reported in many words costs no more memory than one in few.
func TestLongMessagesAreCut(t *testing.T) {
	p := newPages(t, Options{})
	endless := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(500)
		for range 1000 {
			_, _ = w.Write(bytes.Repeat([]byte("x"), 10_000))
		}
	})
	if got := ask(t, p.Errors(endless), "GET", "/x", "Accept", browserAccepts); len(got.body) > 20_000 || strings.Count(got.body, "x") < mostMessage {
		t.Errorf("%d bytes", len(got.body))
	}
}
