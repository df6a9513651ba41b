package gateway

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/boxo/files"
	"github.com/ipfs/boxo/path"
	"github.com/ipfs/kubo/config"
	"github.com/ipfs/kubo/core"
	"github.com/prometheus/client_golang/prometheus"
)

// hotGateway is a gateway whose figures can be read.
type hotGateway struct {
	*running
	node    *core.IpfsNode
	metrics *prometheus.Registry
}

func startHot(t *testing.T, node *core.IpfsNode, cacheBytes int64) hotGateway {
	t.Helper()
	metrics := prometheus.NewRegistry()
	return hotGateway{start(t, Options{Node: node, CacheBytes: cacheBytes, Metrics: metrics}), node, metrics}
}

// hotPaths are files and what is like files, and names that matter for how they are served.
func hotPaths(t *testing.T, g hotGateway) map[string]string {
	t.Helper()
	tree, _ := site()
	root := add(t, g.node, tree).String()
	named := add(t, g.node, files.NewMapDirectory(map[string]files.Node{
		"page.html":  files.NewBytesFile([]byte("<html><body>a page</body></html>")),
		"data.json":  files.NewBytesFile([]byte(`{"a":1}`)),
		"no-type":    files.NewBytesFile(append([]byte("plain text, then "), noise(600<<10)...)),
		"empty":      files.NewBytesFile(nil),
		"a b&c.txt":  files.NewBytesFile([]byte("name with signs")),
		"_redirects": files.NewBytesFile([]byte("/old /page.html 200\n")),
	})).String()
	large := add(t, g.node, files.NewBytesFile(noise(3<<20)))
	return map[string]string{
		"small":            add(t, g.node, files.NewBytesFile([]byte("small and plain\n"))).String(),
		"large":            large.String(),
		"large as a block": path.FromCid(large.RootCid()).String(),
		"html":             named + "/page.html",
		"json":             named + "/data.json",
		"guessed type":     named + "/no-type",
		"empty":            named + "/empty",
		"signs":            named + "/a%20b&c.txt",
		"index":            root + "/",
		"listing":          root + "/docs/",
		"directory":        root + "/docs",
		"picture":          root + "/docs/pixel.png",
		"absent":           root + "/absent",
		"slash after file": root + "/docs/pixel.png/",
	}
}

// hotVariants are ways to ask, as header pairs. What the cache leaves to the handler is among them.
func hotVariants() map[string][]string {
	return map[string][]string{
		"whole":                 nil,
		"first bytes":           {"Range", "bytes=0-9"},
		"bytes inside":          {"Range", "bytes=5-11"},
		"across blocks":         {"Range", "bytes=262000-530000"},
		"from there on":         {"Range", "bytes=7-"},
		"all as a range":        {"Range", "bytes=0-"},
		"last bytes":            {"Range", "bytes=-4"},
		"beyond the end":        {"Range", "bytes=99999999-"},
		"end beyond the end":    {"Range", "bytes=3-99999999"},
		"several ranges":        {"Range", "bytes=0-1,4-5"},
		"nonsense range":        {"Range", "bytes=x"},
		"backward range":        {"Range", "bytes=9-3"},
		"other unit":            {"Range", "lines=1-2"},
		"no end no start":       {"Range", "bytes=-"},
		"empty range":           {"Range", ""},
		"none match":            {"If-None-Match", `"other"`},
		"any match":             {"If-None-Match", `*`},
		"modified":              {"If-Modified-Since", "Mon, 02 Jan 2006 15:04:05 GMT"},
		"if match":              {"If-Match", `"other"`},
		"if range, other":       {"If-Range", `"other"`, "Range", "bytes=0-3"},
		"only if cached":        {"Cache-Control", "only-if-cached"},
		"no cache":              {"Cache-Control", "no-cache"},
		"a browser":             {"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
		"anything":              {"Accept", "*/*"},
		"raw":                   {"Accept", "application/vnd.ipld.raw"},
		"car":                   {"Accept", "text/plain, application/vnd.ipld.car"},
		"json":                  {"Accept", "application/json"},
		"tar":                   {"Accept", "application/x-tar"},
		"service worker":        {"Service-Worker", "script"},
		"trustless host":        {"Host", "trustless.example"},
		"trustless, forwarded":  {"X-Forwarded-Host", "trustless.example"},
		"unknown host":          {"Host", "127.0.0.9"},
		"gzip":                  {"Accept-Encoding", "gzip"},
		"origin":                {"Origin", "https://example.org"},
		"subdomain from a path": {"Host", "gw.example"},
	}
}

var hotQueries = []string{"", "download=true", "filename=x.html", "filename=x.html&download=true", "filename=%C3%BC.bin&v=7",
	"v=1.2", "format=raw", "format=nonsense", "go-get=1", "uri=ipfs://x", "%zz"}

// hotPair is a gateway with a cache and one without, on the same node.
func hotPair(t *testing.T) (cached, plain hotGateway) {
	t.Helper()
	node := newNode(t, false, func(c *config.Config) {
		c.Gateway.PublicGateways = map[string]*config.GatewaySpec{
			"trustless.example": {Paths: []string{"/ipfs"}, DeserializedResponses: config.False},
			"gw.example":        {Paths: []string{"/ipfs"}, UseSubdomains: true},
		}
	})
	return startHot(t, node, 0), startHot(t, node, -1)
}

// Every answer of a hit is the one that boxo's handler gives: status, headers and bytes. Each request comes three times, so
// that the cache answers what it may.
func TestHotAnswersAreTheHandlers(t *testing.T) {
	cached, plain := hotPair(t)
	variants := hotVariants()
	for what, p := range hotPaths(t, cached) {
		for how, header := range variants {
			for _, query := range hotQueries {
				if how != "whole" && how != "bytes inside" && query != "" || what == "empty" && how == "last bytes" {
					continue // the last one has more bytes than there are, see below
				}
				for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST"} {
					if how != "whole" && method != "GET" && method != "HEAD" {
						continue
					}
					compareHot(t, cached, plain, fmt.Sprint(what, ", ", how, ", ", method, " ?", query), method, p+"?"+query, header)
				}
			}
		}
	}
	if hits := figure(t, cached.metrics, "underlay_gateway_cache_hits_total", "answers"); hits < 500 {
		t.Errorf("only %v requests were answered by the cache", hits)
	}
}

// A host name of its own is another origin, where _redirects counts.
func TestHotAnswersOnSubdomains(t *testing.T) {
	cached, plain := hotPair(t)
	for what, p := range hotPaths(t, cached) {
		parts := strings.SplitN(strings.TrimPrefix(p, "/ipfs/"), "/", 2)
		host, rest := parts[0]+".ipfs.gw.example", "/"+slices.Concat(parts, []string{""})[1]
		for how, header := range map[string][]string{"whole": nil, "range": {"Range", "bytes=3-7"}, "if none match": {"If-None-Match", "*"}} {
			for _, at := range []string{rest, "/old", "/page.html", "/"} {
				compareHot(t, cached, plain, fmt.Sprint(what, ", ", how, " ", at), "GET", at, append([]string{"Host", host}, header...))
			}
		}
		compareHot(t, cached, plain, what+" by path", "GET", "/ipfs/"+parts[0]+"/old", nil)
	}
	if hits := figure(t, cached.metrics, "underlay_gateway_cache_hits_total", "answers"); hits < 20 {
		t.Errorf("only %v requests were answered by the cache", hits)
	}
}

// The last bytes of a file, more than it has, are all of it. Boxo's own reader of files makes an error 500 of that.
func TestMoreLastBytesThanAFileHas(t *testing.T) {
	content := noise(300 << 10)
	node := newNode(t, false, nil)
	p := add(t, node, files.NewBytesFile(content))
	g := startHot(t, node, 0)
	for turn := range 3 {
		if got := ask(t, "GET", g.url+p.String(), "Range", "bytes=-400000"); got.StatusCode != 206 || !bytes.Equal(got.body, content) {
			t.Errorf("turn %d: %s with %d bytes", turn, got.Status, len(got.body))
		}
	}
	nothing := g.url + add(t, node, files.NewBytesFile(nil)).String()
	for turn := range 3 {
		if got := ask(t, "GET", nothing, "Range", "bytes=-5"); got.StatusCode != 416 {
			t.Errorf("of an empty file, turn %d: %s, %v", turn, got.Status, got.Header)
		}
	}
}

func compareHot(t *testing.T, cached, plain hotGateway, what, method, target string, header []string) {
	t.Helper()
	target = strings.TrimSuffix(target, "?")
	want := withoutBoundary(ask(t, method, plain.url+target, header...))
	for turn := range 3 {
		got := withoutBoundary(ask(t, method, cached.url+target, header...))
		same := bytes.Equal(got.body, want.body)
		if got.Header.Get("Content-Type") == "application/x-tar" {
			same = len(got.body) == len(want.body) // the time of packing is in it
		}
		if got.StatusCode != want.StatusCode || !same {
			t.Fatalf("%s, turn %d: %s with %d bytes, want %s with %d", what, turn, got.Status, len(got.body), want.Status, len(want.body))
		}
		for _, h := range []http.Header{got.Header, want.Header} {
			h.Del("Date")
			if h.Get("Location") != "" {
				h.Set("Location", strings.NewReplacer(cached.Addr().String(), "HOST", plain.Addr().String(), "HOST").Replace(h.Get("Location")))
			}
		}
		if g, w := fmt.Sprint(got.Header), fmt.Sprint(want.Header); g != w {
			t.Fatalf("%s, turn %d, headers:\n%s\nwant:\n%s", what, turn, g, w)
		}
	}
}

// withoutBoundary makes answers of several ranges comparable: what stands between these is random.
func withoutBoundary(r reply) reply {
	_, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if boundary := params["boundary"]; boundary != "" {
		r.body = bytes.ReplaceAll(r.body, []byte(boundary), []byte("BOUNDARY"))
		r.Header.Set("Content-Type", strings.ReplaceAll(r.Header.Get("Content-Type"), boundary, "BOUNDARY"))
	}
	return r
}

// figure is the value of a metric.
func figure(t *testing.T, from prometheus.Gatherer, name, kind string) float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.Metric {
			if m.Label[0].GetValue() == kind {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no figure %s of %s", name, kind)
	return 0
}
