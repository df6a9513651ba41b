package gateway

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/boxo/files"
	"github.com/ipfs/kubo/config"
)

const absent = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"

func TestContentIsServedByteForByte(t *testing.T) {
	node := newNode(t, false, nil)
	tree, content := site()
	root := add(t, node, tree)
	g := start(t, Options{Node: node})
	for name, want := range content {
		got := ask(t, "GET", g.url+root.String()+"/"+strings.ReplaceAll(name, " ", "%20"))
		if got.StatusCode != 200 || !bytes.Equal(got.body, want) {
			t.Errorf("%s: status %d, %d bytes; want 200 and %d equal bytes", name, got.StatusCode, len(got.body), len(want))
		}
	}
	front := ask(t, "GET", g.url+root.String()+"/")
	if !bytes.Equal(front.body, content["index.html"]) {
		t.Errorf("directory with index.html: got %q", front.body)
	}
	if got := ask(t, "GET", g.url+root.String()); got.StatusCode != 301 || !strings.HasSuffix(got.Header.Get("Location"), "/") {
		t.Errorf("directory without slash: status %d to %q", got.StatusCode, got.Header.Get("Location"))
	}
	picture := ask(t, "GET", g.url+root.String()+"/docs/pixel.png")
	if ct := picture.Header.Get("Content-Type"); ct != "image/png" {
		t.Errorf("picture has type %q", ct)
	}
	list := ask(t, "GET", g.url+root.String()+"/docs/")
	if list.StatusCode != 200 || !strings.HasPrefix(list.Header.Get("Content-Type"), "text/html") ||
		!bytes.Contains(list.body, []byte("pixel.png")) || !bytes.Contains(list.body, []byte("a note.txt")) {
		t.Errorf("listing: status %d, type %q, %d bytes", list.StatusCode, list.Header.Get("Content-Type"), len(list.body))
	}
}

func TestRangesAndHead(t *testing.T) {
	node := newNode(t, false, nil)
	tree, content := site()
	large := content["large.bin"]
	g := start(t, Options{Node: node})
	url := g.url + add(t, node, tree).String() + "/large.bin"
	cases := []struct {
		name, header, contentRange string
		want                       []byte
	}{
		{"start", "bytes=0-9", fmt.Sprintf("bytes 0-9/%d", len(large)), large[:10]},
		{"across blocks", "bytes=1048570-1048585", fmt.Sprintf("bytes 1048570-1048585/%d", len(large)), large[1048570:1048586]},
		{"suffix", "bytes=-5", fmt.Sprintf("bytes %d-%d/%d", len(large)-5, len(large)-1, len(large)), large[len(large)-5:]},
		{"open end", fmt.Sprintf("bytes=%d-", len(large)-3), fmt.Sprintf("bytes %d-%d/%d", len(large)-3, len(large)-1, len(large)), large[len(large)-3:]},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := ask(t, "GET", url, "Range", c.header)
			if got.StatusCode != 206 || got.Header.Get("Content-Range") != c.contentRange || !bytes.Equal(got.body, c.want) {
				t.Errorf("status %d, Content-Range %q, %d bytes", got.StatusCode, got.Header.Get("Content-Range"), len(got.body))
			}
		})
	}
	if got := ask(t, "GET", url, "Range", fmt.Sprintf("bytes=%d-", len(large)+1)); got.StatusCode != 416 {
		t.Errorf("range behind the end: status %d, want 416", got.StatusCode)
	}
	if got := ask(t, "HEAD", url); got.StatusCode != 200 || got.ContentLength != int64(len(large)) || len(got.body) != 0 {
		t.Errorf("HEAD: status %d, length %d, body of %d bytes", got.StatusCode, got.ContentLength, len(got.body))
	}
}

func TestCachingAndCORSHeaders(t *testing.T) {
	node := newNode(t, false, func(c *config.Config) {
		c.Gateway.HTTPHeaders = map[string][]string{"X-Operator": {"somebody"}}
	})
	root := add(t, node, files.NewBytesFile([]byte("fixed")))
	g := start(t, Options{Node: node})
	got := ask(t, "GET", g.url+root.String())
	etag := got.Header.Get("ETag")
	if want := `"` + root.RootCid().String() + `"`; etag != want {
		t.Errorf("ETag %q, want %q", etag, want)
	}
	for header, want := range map[string]string{
		"Cache-Control":               "public, max-age=29030400, immutable",
		"Access-Control-Allow-Origin": "*",
		"X-Ipfs-Path":                 root.String(),
		"X-Operator":                  "somebody",
	} {
		if v := got.Header.Get(header); v != want {
			t.Errorf("%s is %q, want %q", header, v, want)
		}
	}
	if again := ask(t, "GET", g.url+root.String(), "If-None-Match", etag); again.StatusCode != 304 || len(again.body) != 0 {
		t.Errorf("known ETag: status %d with %d bytes, want an empty 304", again.StatusCode, len(again.body))
	}
	options := ask(t, "OPTIONS", g.url+root.String(), "Origin", "http://elsewhere.example")
	if options.StatusCode != 200 || len(options.Header.Values("Access-Control-Allow-Methods")) == 0 {
		t.Errorf("preflight: status %d, headers %v", options.StatusCode, options.Header)
	}
}

func TestBadRequests(t *testing.T) {
	node := newNode(t, false, nil)
	root := add(t, node, files.NewMapDirectory(map[string]files.Node{"a": files.NewBytesFile([]byte("a"))}))
	g := start(t, Options{Node: node})
	cases := []struct {
		name, method, path string
		want               int
	}{
		{"bad CID", "GET", "/ipfs/not-a-cid", 400},
		{"no CID", "GET", "/ipfs/", 400},
		{"bad IPNS name", "GET", "/ipns/not_a_name", 500},
		{"missing link", "GET", root.String() + "/b", 404},
		{"absent content offline", "GET", "/ipfs/" + absent, 404},
		{"write", "POST", root.String(), 405},
		{"delete", "DELETE", root.String() + "/a", 405},
		{"RPC API", "POST", "/api/v0/id", 404},
		{"RPC API read", "GET", "/api/v0/version", 404},
		{"metrics", "GET", "/debug/metrics/prometheus", 404},
		{"profiles", "GET", "/debug/pprof/", 404},
		{"plain metrics", "GET", "/metrics", 404},
		{"routing API", "GET", "/routing/v1/providers/" + absent, 404},
		{"version page", "GET", "/version", 404},
		{"web user interface", "GET", "/webui", 404},
		{"cluster API", "GET", "/pins", 404},
		{"write to the page", "POST", "/", 405},
		{"write to health", "POST", "/healthz", 405},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := ask(t, c.method, g.url+c.path); got.StatusCode != c.want {
				t.Errorf("%s %s: status %d, want %d\n%s", c.method, c.path, got.StatusCode, c.want, got.body)
			}
		})
	}
}

func TestContentComesFromAnotherPeer(t *testing.T) {
	holder, server := newNode(t, true, nil), newNode(t, true, nil)
	connect(t, holder, server)
	want := noise(2 << 20)
	root := add(t, holder, files.NewBytesFile(want))
	g := start(t, Options{Node: server})
	if got := ask(t, "GET", g.url+root.String()); got.StatusCode != 200 || !bytes.Equal(got.body, want) {
		t.Errorf("status %d with %d bytes, want 200 with %d", got.StatusCode, len(got.body), len(want))
	}
}

func TestMissingContentTimesOut(t *testing.T) {
	g := start(t, Options{Node: newNode(t, true, nil), Limits: Limits{Retrieval: 200 * time.Millisecond}})
	began := time.Now()
	got := ask(t, "GET", g.url+"/ipfs/"+absent)
	if got.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("status %d, want 504", got.StatusCode)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the answer took %s", took)
	}
}

func TestNoFetchStaysLocal(t *testing.T) {
	holder := newNode(t, true, nil)
	server := newNode(t, true, func(c *config.Config) { c.Gateway.NoFetch = true })
	connect(t, holder, server)
	elsewhere := add(t, holder, files.NewBytesFile([]byte("elsewhere")))
	here := add(t, server, files.NewBytesFile([]byte("here")))
	g := start(t, Options{Node: server})
	if got := ask(t, "GET", g.url+elsewhere.String()); got.StatusCode != 404 {
		t.Errorf("content of another peer: status %d, want 404", got.StatusCode)
	}
	if got := ask(t, "GET", g.url+here.String()); got.StatusCode != 200 {
		t.Errorf("content of this peer: status %d, want 200", got.StatusCode)
	}
}
