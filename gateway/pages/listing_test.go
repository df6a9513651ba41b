package pages

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	boxo "github.com/ipfs/boxo/gateway"
	"github.com/ipfs/boxo/gateway/assets"
)

// boxos answers as boxo's handler does for a directory without an index, at /ipfs/CID/, and for a file elsewhere.
func boxos(contentPath string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Ipfs-Path", contentPath)
		w.Header().Set("X-Ipfs-Roots", directory)
		switch {
		case r.URL.Path == "/fails/":
			http.Error(w, "no blocks", http.StatusGatewayTimeout)
		case r.URL.Path == "/node/":
			if strings.Contains(r.Header.Get("Accept"), "text/html") {
				panic("boxo does") // for HEAD
			}
			w.Header().Set("Content-Type", "application/vnd.ipld.dag-cbor")
			w.Header().Set("Content-Disposition", "inline")
			w.Header().Set("Cache-Control", "immutable")
			_, _ = w.Write([]byte("the node"))
		case r.URL.Path == "/website/":
			_, _ = w.Write([]byte("an index"))
		default:
			w.Header().Set("Etag", boxosTag+`boxo_CID-`+directory+`"`)
			w.Header().Set("Cache-Control", "public, max-age=604800")
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("boxo's own listing"))
		}
	})
}

func TestListing(t *testing.T) {
	p := newPages(t, Options{Content: shelf{links: entries("b", "a", "ę <i>.txt", "x?#%")}})
	path := "/ipfs/" + directory + "/sub/"
	h := p.Listings(boxos(path), boxos(path))
	got := ask(t, h, "GET", path)
	checkOurs(t, got)
	if got.StatusCode != 200 || got.Header.Get("Cache-Control") != "public, max-age=604800" || got.Header.Get("X-Ipfs-Roots") != directory {
		t.Errorf("status %d, headers %v", got.StatusCode, got.Header)
	}
	last := 0
	for _, want := range []string{
		"/ipfs/<a href=\"/ipfs/" + directory + `">` + directory + `</a>/<a href="/ipfs/` + directory + `/sub">sub</a>`,
		`<a href="` + path + `..">..</a>`,
		`<a href="` + path + `a">a</a>`,
		`<a class="ipfs-hash" translate="no" href="/ipfs/` + directory + `?filename=a">bafy…ewhi</a>`, `>1.5 kB<`,
		`<a href="` + path + `b">b</a>`, `>0 B<`,
		`<a href="` + path + `x%3F%23%25">x?#%</a>`,
		`<a href="` + path + `%C4%99%20%3Ci%3E.txt">ę &lt;i&gt;.txt</a>`,
	} {
		at := strings.Index(got.body, want)
		if at < last {
			t.Errorf("%q is at %d, after %d, in\n%s", want, at, last, got.body[strings.Index(got.body, "<main"):])
		}
		last = max(last, at)
	}
	head := ask(t, h, "HEAD", path)
	if head.StatusCode != 200 || head.body != "" || head.Header.Get("Etag") != got.Header.Get("Etag") || head.Header.Get("Content-Type") != got.Header.Get("Content-Type") {
		t.Errorf("HEAD: status %d, headers %v", head.StatusCode, head.Header)
	}
	for _, known := range []string{got.Header.Get("Etag"), "W/" + got.Header.Get("Etag"), `"other", ` + got.Header.Get("Etag")} {
		if again := ask(t, h, "GET", path, "If-None-Match", known); again.StatusCode != 304 || again.body != "" || again.Header.Get("Etag") == "" {
			t.Errorf("If-None-Match %s: status %d, %q", known, again.StatusCode, again.body)
		}
	}
	if other := ask(t, h, "GET", path, "If-None-Match", `"other"`); other.StatusCode != 200 {
		t.Errorf("an unknown tag: status %d", other.StatusCode)
	}
}

// Where content has a host name of its own, other content is on the gateway's.
func TestListingBelowAHostName(t *testing.T) {
	p := newPages(t, Options{Content: shelf{links: entries("a")}})
	for _, c := range []struct {
		name, contentPath string
		key               boxo.RequestContextKey
		host              string
		want              []string
	}{
		{"subdomain", "/ipfs/" + directory + "/sub/", boxo.SubdomainHostnameKey, "gw.example", []string{
			`/ipfs/<a href="//gw.example/ipfs/` + directory + `">`, `<a href="/sub/..">..</a>`, `<a href="/sub/a">a</a>`,
			`href="//gw.example/ipfs/` + directory + `?filename=a"`}},
		{"website", "/ipns/site.example/sub/", boxo.DNSLinkHostnameKey, "site.example", []string{
			`/ipns/<a href="//site.example/">site.example</a>/<a href="//site.example/sub">sub</a>`,
			`href="https://cid.ipfs.tech/#` + directory + `" target="_blank" rel="noreferrer noopener"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := p.Listings(boxos(c.contentPath), boxos(c.contentPath))
			got := ask(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), c.key, c.host)))
			}), "GET", "/sub/")
			for _, want := range c.want {
				if !strings.Contains(got.body, want) {
					t.Errorf("the listing lacks %q:\n%s", want, got.body[strings.Index(got.body, "<main"):])
				}
			}
		})
	}
}

// The root of content has nothing above it, and large directories are cut.
func TestListingOfARoot(t *testing.T) {
	names := make([]string, mostEntries+1)
	for n := range names {
		names[n] = fmt.Sprintf("file %06d", n)
	}
	path := "/ipfs/" + directory + "/"
	for _, c := range []struct {
		name  string
		names []string
		rows  int
		want  string
	}{
		{"empty", nil, 0, "This directory is empty."},
		{"full", names[:mostEntries], mostEntries, "file 009999"},
		{"too large", names, mostEntries, "these are the first 10000."},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPages(t, Options{Content: shelf{links: entries(c.names...)}})
			got := ask(t, p.Listings(boxos(path), boxos(path)), "GET", path)
			if rows := strings.Count(got.body, `class="ipfs-hash"`); rows != c.rows || !strings.Contains(got.body, c.want) || strings.Contains(got.body, ">..<") {
				t.Errorf("%d rows, want %d with %q", rows, c.rows, c.want)
			}
		})
	}
}

func TestWhatIsNoListingPasses(t *testing.T) {
	p := newPages(t, Options{Content: shelf{links: entries("a")}, ListingTimeout: time.Minute})
	looked := 0
	look := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		looked++
		if r.Method != "HEAD" {
			t.Errorf("looked with %s", r.Method)
		}
		if _, bounded := r.Context().Deadline(); !bounded {
			t.Error("a look may take for ever")
		}
		boxos("/ipfs/x").ServeHTTP(w, r)
	})
	h := p.Listings(look, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if at, bounded := r.Context().Deadline(); bounded {
			t.Errorf("content must be there until %s", at)
		}
		boxos("/ipfs/x").ServeHTTP(w, r)
	}))
	for _, c := range []struct {
		name, method, path string
		status             int
		body               string
		looks              int
	}{
		{"a website", "GET", "/website/", 200, "an index", 1},
		{"a file", "GET", "/file", 200, "boxo's own listing", 0},
		{"another form", "GET", "/dir/?format=car", 200, "boxo's own listing", 0},
		{"another method", "OPTIONS", "/dir/", 200, "boxo's own listing", 0},
		{"a failure is not repeated", "GET", "/fails/", 504, "no blocks\n", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			looked = 0
			if got := ask(t, h, c.method, c.path); got.StatusCode != c.status || got.body != c.body || looked != c.looks {
				t.Errorf("status %d: %q after %d looks", got.StatusCode, got.body, looked)
			}
		})
	}
}

func TestListingThatCannotBeRead(t *testing.T) {
	path := "/ipfs/" + directory + "/"
	for err, want := range map[error]int{context.DeadlineExceeded: 504, errors.New("bad node"): 500} {
		p := newPages(t, Options{Content: shelf{links: entries("a"), err: err}})
		got := ask(t, p.Listings(boxos(path), boxos(path)), "GET", path)
		if got.StatusCode != want || !strings.Contains(got.body, err.Error()) || got.Header.Get("Etag") != "" || got.Header.Get("Cache-Control") != "" {
			t.Errorf("%v: status %d, headers %v: %q", err, got.StatusCode, got.Header, got.body)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 9949: "9.9 kB", 9950: "10 kB", 999_499: "999 kB", 999_500: "1.0 MB",
		16_780_406: "17 MB", 5_000_000_000: "5.0 GB", 1 << 63: "9.2 EB",
	} {
		if got := size(n); got != want {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
}

func TestPreview(t *testing.T) {
	leaf := func(value string) *assets.ParsedNode { return &assets.ParsedNode{Value: value} }
	node := &assets.ParsedNode{
		Keys: []*assets.ParsedNode{leaf("title"), leaf("to"), leaf("list")},
		Values: []*assets.ParsedNode{leaf("<b>"), {Value: "the link", CID: directory}, {
			Keys: []*assets.ParsedNode{leaf("0")}, Values: []*assets.ParsedNode{{Value: "00 01", Long: true}},
		}},
	}
	path := "/ipfs/" + directory + "/"
	for _, c := range []struct {
		name string
		node *assets.ParsedNode
		want []string
	}{
		{"a map", node, []string{
			`<dt translate="no">title</dt><dd translate="no">&lt;b&gt;</dd>`, `<a class="cid" href="/ipfs/` + directory + `">the link</a>`,
			`<pre class="detail">00 01</pre>`, `href="?format=raw"`, `href="?format=dag-cbor"`}},
		{"a value", leaf("42"), []string{`<dd translate="no">42</dd>`}},
		{"what cannot be decoded", nil, []string{"It cannot be shown here."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPages(t, Options{Content: shelf{node: c.node}})
			got := ask(t, p.Listings(boxos(path), boxos(path)), "GET", "/node/", "Accept", browserAccepts)
			checkOurs(t, got)
			for _, want := range c.want {
				if !strings.Contains(got.body, want) {
					t.Errorf("the preview lacks %q:\n%s", want, got.body[strings.Index(got.body, "<main"):])
				}
			}
			if !strings.HasPrefix(got.Header.Get("Etag"), boxosPreviewTag) {
				t.Errorf("the tag is %s", got.Header.Get("Etag"))
			}
			if got.Header.Get("Cache-Control")+got.Header.Get("Content-Disposition") != "" {
				t.Errorf("headers %v", got.Header)
			}
			if raw := ask(t, p.Listings(boxos(path), boxos(path)), "GET", "/node/", "Accept", "*/*"); raw.body != "the node" {
				t.Errorf("for a program: %q", raw.body)
			}
		})
	}
}

func TestLargePreviewIsCut(t *testing.T) {
	node := new(assets.ParsedNode)
	for range mostEntries + 1 {
		node.Keys, node.Values = append(node.Keys, &assets.ParsedNode{Value: "k"}), append(node.Values, &assets.ParsedNode{Value: "v"})
	}
	p := newPages(t, Options{Content: shelf{node: node}})
	got := ask(t, p.Listings(boxos("/ipfs/x"), boxos("/ipfs/x")), "GET", "/node/", "Accept", browserAccepts)
	if n := strings.Count(got.body, "<dt "); n != mostEntries || !strings.Contains(got.body, "There is more") {
		t.Errorf("%d fields", n)
	}
}
