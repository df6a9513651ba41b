package gateway

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/boxo/files"
	"github.com/ipfs/boxo/namesys"
	"github.com/ipfs/boxo/path"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/kubo/config"
	"github.com/ipfs/kubo/core"
	"github.com/ipfs/kubo/core/coreapi"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/underlay/underlay/gateway/policy"
)

const (
	gone  = http.StatusGone
	legal = http.StatusUnavailableForLegalReasons
)

func deny(t *testing.T, p *policy.Policy, rules ...string) {
	t.Helper()
	var entries []policy.Entry
	for _, r := range rules {
		entries = append(entries, policy.Entry{Rule: r})
	}
	if err := p.SetEntries(entries); err != nil {
		t.Fatal(err)
	}
}

// under is the CID of what a path leads to.
func under(t *testing.T, node *core.IpfsNode, p path.Path, below string) cid.Cid {
	t.Helper()
	api, err := coreapi.NewCoreAPI(node)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := path.Join(p, below)
	if err != nil {
		t.Fatal(err)
	}
	found, _, err := api.ResolvePath(t.Context(), whole)
	if err != nil {
		t.Fatal(err)
	}
	return found.RootCid()
}

// stream sends a request and returns what came, also if it was cut off.
func stream(t *testing.T, url string, header ...string) (*http.Response, []byte, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil { // it may be cut before it begins
		return &http.Response{Status: "none"}, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

// What is denied comes out by no format and no path, and what stands beside it does.
func TestDeniedChild(t *testing.T) {
	node := newNode(t, false, nil)
	tree, content := site()
	root := add(t, node, tree)
	secret := content["docs/pixel.png"]
	denied := under(t, node, root, "docs/pixel.png")
	p := policy.Open(policy.Options{})
	g := start(t, Options{Node: node, Policy: p})
	at := func(below string) string { return g.url + root.String() + below }
	if got := ask(t, "GET", at("/docs/pixel.png")); got.StatusCode != http.StatusOK {
		t.Fatalf("before: %s", got.Status)
	}
	for _, rule := range []string{"/ipfs/" + denied.String(), "/ipfs/" + cid.NewCidV1(cid.DagCBOR, denied.Hash()).String()} {
		deny(t, p, rule)
		direct := g.url + "/ipfs/" + denied.String()
		host := denied.String() + ".ipfs.localhost"
		for name, got := range map[string]reply{
			"path":              ask(t, "GET", at("/docs/pixel.png")),
			"head":              ask(t, "HEAD", at("/docs/pixel.png")),
			"raw":               ask(t, "GET", at("/docs/pixel.png?format=raw")),
			"car of the path":   ask(t, "GET", at("/docs/pixel.png?format=car&dag-scope=block")),
			"known by its tag":  ask(t, "GET", at("/docs/pixel.png"), "If-None-Match", `"`+denied.String()+`"`),
			"range":             ask(t, "GET", at("/docs/pixel.png"), "Range", "bytes=0-9"),
			"direct":            ask(t, "GET", direct),
			"direct, if cached": ask(t, "GET", direct, "Cache-Control", "only-if-cached"),
			"direct, raw":       ask(t, "GET", direct, "Accept", "application/vnd.ipld.raw"),
			"direct, car":       ask(t, "GET", direct, "Accept", "application/vnd.ipld.car"),
			"direct, tar":       ask(t, "GET", direct+"?format=tar"),
			"direct, json":      ask(t, "GET", direct+"?format=json"),
			"subdomain":         ask(t, "GET", g.url+"/", "Host", host),
			"below":             ask(t, "GET", direct+"/more"),
		} {
			if got.StatusCode != gone || bytes.Contains(got.body, secret) || got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("Etag") != "" {
				t.Errorf("%s: %s, %v", name, got.Status, got.Header)
			}
		}
		for _, format := range []string{"car", "car&car-order=unk", "tar"} {
			resp, body, err := stream(t, at("?format="+format))
			if bytes.Contains(body, secret) || (err == nil && resp.StatusCode < 400) {
				t.Errorf("%s of the whole: %s, %d bytes, %v", format, resp.Status, len(body), err)
			}
		}
		for _, below := range []string{"/", "/docs/", "/docs/a%20note.txt", "/large.bin"} {
			if got := ask(t, "GET", at(below)); got.StatusCode != http.StatusOK {
				t.Errorf("%q beside what is denied: %s", below, got.Status)
			}
		}
	}
	deny(t, p)
	if got := ask(t, "GET", at("/docs/pixel.png")); got.StatusCode != http.StatusOK || !bytes.Equal(got.body, secret) {
		t.Errorf("taken back: %s", got.Status)
	}
}

// A file with a denied block ends before it; parts without it are served.
func TestDeniedBlockOfFile(t *testing.T) {
	node := newNode(t, false, nil)
	data := noise(3 << 20)
	file := add(t, node, files.NewBytesFile(data))
	api, err := coreapi.NewCoreAPI(node)
	if err != nil {
		t.Fatal(err)
	}
	top, err := api.Dag().Get(t.Context(), file.RootCid())
	if err != nil || len(top.Links()) < 3 {
		t.Fatalf("file of %d blocks: %v", len(top.Links()), err)
	}
	size := len(data) / len(top.Links())
	p := policy.Open(policy.Options{})
	deny(t, p, "/ipfs/"+top.Links()[len(top.Links())-1].Cid.String())
	g := start(t, Options{Node: node, Policy: p})
	resp, body, err := stream(t, g.url+file.String())
	if err == nil && resp.StatusCode < 400 || bytes.Contains(body, data[len(data)-1000:]) {
		t.Errorf("the whole: %s, %d of %d bytes, %v", resp.Status, len(body), len(data), err)
	}
	if got := ask(t, "GET", g.url+file.String(), "Range", "bytes=0-999"); got.StatusCode != http.StatusPartialContent || !bytes.Equal(got.body, data[:1000]) {
		t.Errorf("a part without it: %s", got.Status)
	}
	resp, body, err = stream(t, g.url+file.String(), "Range", "bytes=-1000")
	if err == nil && resp.StatusCode < 400 || bytes.Contains(body, data[len(data)-size/2:]) {
		t.Errorf("a part of it: %s, %d bytes, %v", resp.Status, len(body), err)
	}
}

// What is denied while it is being sent ends there, and what waits for its turn does not begin.
func TestDeniedWhileSent(t *testing.T) {
	node := newNode(t, false, nil)
	data := noise(64 << 20) // more than is on its way to a client that does not read
	file := add(t, node, files.NewBytesFile(data))
	p := policy.Open(policy.Options{})
	g := start(t, Options{Node: node, Policy: p})
	resp, err := http.Get(g.url + file.String() + "?format=car")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	before := p.Generation()
	last := lastBlock(t, node, file)
	deny(t, p, "/ipfs/"+last.String())
	if p.Generation() == before {
		t.Error("the generation is the same")
	}
	rest, err := io.ReadAll(resp.Body)
	if err == nil || bytes.Contains(rest, data[len(data)-1000:]) {
		t.Errorf("%d bytes came, and the end: %v", len(rest), err)
	}
}

// What is in memory was allowed when it came there.
func TestDeniedAfterItWasKept(t *testing.T) {
	node := newNode(t, false, nil)
	data := noise(3 << 20)
	file := add(t, node, files.NewBytesFile(data))
	p := policy.Open(policy.Options{})
	metrics := prometheus.NewRegistry()
	g := start(t, Options{Node: node, Policy: p, Metrics: metrics})
	for range 3 {
		if got := ask(t, "GET", g.url+file.String()); !bytes.Equal(got.body, data) {
			t.Fatalf("before: %s, %d bytes", got.Status, len(got.body))
		}
	}
	if hits := figure(t, metrics, "underlay_gateway_cache_hits_total", "answers"); hits < 2 {
		t.Fatalf("%v answers came from memory", hits)
	}
	deny(t, p, "/ipfs/"+under(t, node, file, "").String()) // the file itself
	if got := ask(t, "GET", g.url+file.String()); got.StatusCode != gone {
		t.Errorf("the file: %s", got.Status)
	}
	another := add(t, node, files.NewBytesFile(noise(5<<20)))
	other := g.url + another.String()
	for range 3 {
		if got := ask(t, "GET", other); got.StatusCode != http.StatusOK {
			t.Fatalf("another file: %s", got.Status)
		}
	}
	deny(t, p, "/ipfs/"+lastBlock(t, node, another).String())
	if resp, body, err := stream(t, other); err == nil && resp.StatusCode < 400 {
		t.Errorf("a file with a denied block: %s, %d bytes", resp.Status, len(body))
	}
}

// lastBlock returns the last block of a file.
func lastBlock(t *testing.T, node *core.IpfsNode, file path.ImmutablePath) cid.Cid {
	t.Helper()
	for last := under(t, node, file, ""); ; {
		n, err := node.DAG.Get(t.Context(), last)
		if err != nil {
			t.Fatal(err)
		}
		if len(n.Links()) == 0 {
			return last
		}
		last = n.Links()[len(n.Links())-1].Cid
	}
}

// A denied block is not even fetched.
func TestDeniedBlockStaysAway(t *testing.T) {
	a, b := newNode(t, true, nil), newNode(t, true, nil)
	connect(t, a, b)
	tree, content := site()
	root := add(t, a, tree)
	denied := under(t, a, root, "docs/pixel.png")
	p := policy.Open(policy.Options{Status: legal})
	deny(t, p, "/ipfs/"+denied.String())
	g := start(t, Options{Node: b, Policy: p})
	if got := ask(t, "GET", g.url+root.String()+"/docs/a%20note.txt"); !bytes.Equal(got.body, content["docs/a note.txt"]) {
		t.Fatalf("beside it: %s", got.Status)
	}
	if got := ask(t, "GET", g.url+root.String()+"/docs/pixel.png"); got.StatusCode != legal {
		t.Errorf("denied: %s", got.Status)
	}
	_, body, err := stream(t, g.url+root.String()+"?format=car")
	if err == nil || bytes.Contains(body, content["docs/pixel.png"]) {
		t.Errorf("CAR: %d bytes, %v", len(body), err)
	}
	if has, err := b.Blockstore.Has(t.Context(), denied); has || err != nil {
		t.Errorf("the denied block was fetched: %t, %v", has, err)
	}
}

// chain is a name system in which each name leads to the next.
type chain struct {
	namesys.NameSystem
	to  map[string]path.Path
	ttl map[string]time.Duration
}

func (n chain) Resolve(_ context.Context, p path.Path, o ...namesys.ResolveOption) (r namesys.Result, err error) {
	depth := namesys.ProcessResolveOptions(o).Depth
	for r.Path = p; r.Path.Mutable(); depth-- {
		if r.TTL, err = n.ttl[r.Path.Segments()[1]], namesys.ErrResolveFailed; n.to[r.Path.Segments()[1]] == nil {
			return r, err
		}
		r.Path, err = path.Join(n.to[r.Path.Segments()[1]], r.Path.Segments()[2:]...)
		if err == nil && r.Path.Mutable() && depth == 1 {
			return r, namesys.ErrResolveRecursion
		}
	}
	return r, err
}

// A name that is denied, or leads to what is denied, is denied by whatever way; and what comes through several names is
// kept no longer than each of them allows.
func TestDeniedNames(t *testing.T) {
	node := newNode(t, false, func(c *config.Config) {
		c.Gateway.PublicGateways = map[string]*config.GatewaySpec{"gateway.test": {Paths: []string{"/ipfs", "/ipns"}, UseSubdomains: true}}
	})
	tree, _ := site()
	root := add(t, node, tree)
	const key = "k51qzi5uqu5dgutdk6i1ynyzgkqngpha5xpgia3a5qqp4jsh0u4csozksxel2r"
	to := func(text string) path.Path {
		p, err := path.NewPath(text)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	changed := *node
	changed.Namesys = chain{node.Namesys,
		map[string]path.Path{"site.test": to("/ipns/" + key + "/docs"), key: root, "direct.test": root},
		map[string]time.Duration{"site.test": time.Minute / 2, key: time.Hour}}
	p := policy.Open(policy.Options{})
	g := start(t, Options{Node: &changed, Policy: p})
	ways := func() map[string]reply {
		return map[string]reply{
			"path":       ask(t, "GET", g.url+"/ipns/site.test/a%20note.txt"),
			"other case": ask(t, "GET", g.url+"/ipns/Site.Test/a%20note.txt"),
			"car":        ask(t, "GET", g.url+"/ipns/site.test/a%20note.txt?format=car"),
			"DNSLink":    ask(t, "GET", g.url+"/a%20note.txt", "Host", "site.test"),
			"subdomain":  ask(t, "GET", g.url+"/a%20note.txt", "Host", "site-test.ipns.gateway.test"),
		}
	}
	for name, got := range ways() {
		if name != "other case" && (got.StatusCode != http.StatusOK || got.Header.Get("Cache-Control") != "public, max-age=30") {
			t.Errorf("before, by %s: %s, %s", name, got.Status, got.Header.Get("Cache-Control"))
		}
	}
	if got := ask(t, "GET", g.url+"/ipns/direct.test/docs/pixel.png"); got.Header.Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("of a name without a time to live: %s, %s", got.Status, got.Header.Get("Cache-Control"))
	}
	note := under(t, node, root, "docs/a note.txt")
	for what, rule := range map[string]string{
		"the domain":           "/ipns/site.test",
		"the name it leads to": "/ipns/" + key,
		"the root":             "/ipfs/" + root.RootCid().String(),
		"the path":             root.String() + "/docs/a note.txt",
		"what is above it":     root.String() + "/docs",
		"the content":          "/ipfs/" + note.String(),
	} {
		deny(t, p, rule)
		for name, got := range ways() {
			if got.StatusCode != gone && !(name == "other case" && got.StatusCode >= 400) {
				t.Errorf("%s is denied: by %s: %s, %s", what, name, got.Status, got.body)
			}
		}
		if strings.HasPrefix(what, "the root") {
			if got := ask(t, "GET", g.url+"/docs/", "Host", "direct.test"); got.StatusCode != gone {
				t.Errorf("%s is denied: by a DNSLink to it: %s", what, got.Status)
			}
		}
	}
}

// A website's redirects lead to nothing that is denied.
func TestDeniedByRedirects(t *testing.T) {
	node := newNode(t, false, func(c *config.Config) {
		c.Gateway.PublicGateways = map[string]*config.GatewaySpec{"gateway.test": {Paths: []string{"/ipfs"}, UseSubdomains: true}}
	})
	root := add(t, node, files.NewMapDirectory(map[string]files.Node{
		"_redirects": files.NewBytesFile([]byte("/other /secret.txt 200\n/free /open.txt 200\n")),
		"secret.txt": files.NewBytesFile([]byte("secret")),
		"open.txt":   files.NewBytesFile([]byte("open")),
	}))
	p := policy.Open(policy.Options{})
	deny(t, p, root.String()+"/secret.txt")
	g := start(t, Options{Node: node, Policy: p})
	host := root.RootCid().String() + ".ipfs.gateway.test"
	if got := ask(t, "GET", g.url+"/free", "Host", host); string(got.body) != "open" {
		t.Fatalf("redirects do not work: %s, %s", got.Status, got.body)
	}
	for _, at := range []string{"/other", "/secret.txt"} {
		if got := ask(t, "GET", g.url+at, "Host", host); got.StatusCode != gone || strings.Contains(string(got.body), "secret"+"\n") {
			t.Errorf("%s: %s, %s", at, got.Status, got.body)
		}
	}
}

// No error that the gateway can make is kept by a cache.
func TestErrorsAreNotCacheable(t *testing.T) {
	node := newNode(t, false, func(c *config.Config) { c.Gateway.MaxRangeRequestFileSize = config.NewOptionalBytes("1MiB") })
	tree, _ := site()
	root := add(t, node, tree)
	const absent = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyka"
	g := start(t, Options{Node: node})
	for _, c := range []struct {
		method, path string
		status       int
		header       []string
	}{
		{"GET", "/ipfs/nonsense", 400, nil},
		{"GET", root.String() + "/docs/pixel.png?format=car&dag-scope=nonsense", 400, nil},
		{"GET", root.String() + "/absent", 404, nil},
		{"GET", "/absent", 404, nil},
		{"GET", "/ipfs/" + absent, 404, nil},
		{"GET", "/ipfs/" + absent, 412, []string{"Cache-Control", "only-if-cached"}},
		{"POST", root.String(), 405, nil},
		{"POST", "/healthz", 405, nil},
		{"GET", root.String() + "/docs/pixel.png?format=dag-cbor", 406, nil},
		{"GET", root.String() + "/docs/pixel.png", 416, []string{"Range", "bytes=999999-"}},
		{"GET", root.String() + "/large.bin", 501, []string{"Range", "bytes=0-1"}},
		{"GET", "/ipns/nonsense.invalid", 500, nil},
	} {
		got := ask(t, c.method, g.url+c.path, c.header...)
		if got.StatusCode != c.status || got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("Etag") != "" || got.Header.Get("Last-Modified") != "" {
			t.Errorf("%s %s %v: %s, not %d, %v", c.method, c.path, c.header, got.Status, c.status, got.Header)
		}
	}
	waits := start(t, Options{Node: newNode(t, true, nil), Limits: Limits{Retrieval: time.Second / 10}})
	if got := ask(t, "GET", waits.url+"/ipfs/"+absent); got.StatusCode != http.StatusGatewayTimeout || got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("nobody has it: %s, %v", got.Status, got.Header)
	}
	tag := ask(t, "GET", g.url+root.String()+"/docs/pixel.png").Header.Get("Etag")
	got := ask(t, "GET", g.url+root.String()+"/docs/pixel.png", "If-None-Match", tag)
	if got.StatusCode != http.StatusNotModified || got.Header.Get("Cache-Control") == "no-store" {
		t.Errorf("known by its tag: %s, %v", got.Status, got.Header)
	}
}
