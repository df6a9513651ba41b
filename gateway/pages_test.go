package gateway

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/exchange/offline"
	"github.com/ipfs/boxo/files"
	"github.com/ipfs/boxo/ipld/merkledag"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/kubo/config"
	"github.com/multiformats/go-multihash"
)

const accepts = "text/html,*/*;q=0.8"

// The page for what is not there tells the part of the path, and leads to what is there, wherever the content is.
func TestPagesTellWhatIsMissing(t *testing.T) {
	node := newNode(t, false, nil)
	tree, _ := site()
	root := add(t, node, tree)
	g := start(t, Options{Node: node})
	host := root.RootCid().String() + ".ipfs.localhost"
	for _, c := range []struct{ name, host, path, missing, above string }{
		{"in the root", "127.0.0.1", root.String() + "/none", "none", root.String() + "/"},
		{"in a directory", "127.0.0.1", root.String() + "/docs/none/at/all", "none", root.String() + "/docs/"},
		{"below a file", "127.0.0.1", root.String() + "/docs/pixel.png/none", "none", root.String() + "/docs/pixel.png/"},
		{"a name with signs", "127.0.0.1", root.String() + "/docs/%3Cb%3E%3F", "&lt;b&gt;?", root.String() + "/docs/"},
		{"below a host name", host, "/docs/none", "none", "/docs/"},
		{"in the root of a host name", host, "/none", "none", "/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ask(t, "GET", g.url+c.path, "Host", c.host, "Accept", accepts)
			page := string(got.body)
			if got.StatusCode != 404 || !strings.Contains(page, "There is no “"+c.missing+"” here") || !strings.Contains(page, `href="`+c.above+`"`) {
				t.Errorf("status %d: %s", got.StatusCode, page[max(0, strings.Index(page, "<main")):])
			}
		})
	}
	// Content of which nothing is here is another matter.
	nowhere := "/ipfs/bafybeibfqazdolesjwltptfvojxc5x5yqewhukf745pn4uz7xdz6joewhi/a/b"
	got := ask(t, "GET", g.url+nowhere, "Accept", accepts)
	if got.StatusCode != 404 || !strings.Contains(string(got.body), "This content is not here") {
		t.Errorf("absent content: status %d: %s", got.StatusCode, got.body)
	}
}

func TestTimeoutHasAReason(t *testing.T) {
	g := start(t, Options{Node: newNode(t, true, nil), Limits: Limits{Retrieval: 200 * time.Millisecond}})
	for _, path := range []string{"/ipfs/" + absent, "/ipfs/" + absent + "/dir/"} {
		got := ask(t, "GET", g.url+path, "Accept", accepts)
		page := string(got.body)
		if got.StatusCode != 504 || !strings.Contains(page, "not found in time") || !strings.Contains(page, "no providers") || !strings.Contains(page, "?cid="+absent) {
			t.Errorf("%s: status %d: %s", path, got.StatusCode, page[max(0, strings.Index(page, "<main")):])
		}
	}
}

// A directory that is spread over many blocks is listed in the order of the names.
func TestListingOfAShardedDirectory(t *testing.T) {
	node := newNode(t, false, nil)
	dag := merkledag.NewDAGService(node.Blocks)
	dir, err := uio.NewHAMTDirectory(dag, 0)
	if err != nil {
		t.Fatal(err)
	}
	leaf := merkledag.NewRawNode([]byte("leaf"))
	if err := dag.Add(t.Context(), leaf); err != nil {
		t.Fatal(err)
	}
	for n := range 2000 {
		if err := dir.AddChild(t.Context(), fmt.Sprintf("entry %04d", n), leaf); err != nil {
			t.Fatal(err)
		}
	}
	root, err := dir.GetNode()
	if err == nil {
		err = dag.Add(t.Context(), root)
	}
	if err != nil {
		t.Fatal(err)
	}
	g := start(t, Options{Node: node})
	got := ask(t, "GET", g.url+"/ipfs/"+root.Cid().String()+"/")
	rest := string(got.body)
	for n := range 2000 {
		var found bool
		if _, rest, found = strings.Cut(rest, fmt.Sprintf(">entry %04d</a>", n)); !found {
			t.Fatalf("status %d: entry %d is missing or out of order", got.StatusCode, n)
		}
	}
	if head := ask(t, "HEAD", g.url+"/ipfs/"+root.Cid().String()+"/"); head.Header.Get("Etag") == "" || head.Header.Get("Etag") != got.Header.Get("Etag") {
		t.Errorf("tags %q and %q", head.Header.Get("Etag"), got.Header.Get("Etag"))
	}
}

func TestOwnPagesAreSettable(t *testing.T) {
	robots := filepath.Join(t.TempDir(), "robots.txt")
	if err := os.WriteFile(robots, []byte("Allow: /\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	node := newNode(t, false, func(c *config.Config) { c.Gateway.RootRedirect = "/ipns/docs.test" })
	site := add(t, node, files.NewMapDirectory(map[string]files.Node{"robots.txt": files.NewBytesFile([]byte("the site's"))}))
	g := start(t, Options{Node: node, RootRedirect: "https://www.example.org/", RobotsFile: robots})
	for _, c := range []struct{ host, path, location, body string }{
		{"127.0.0.1", "/", "https://www.example.org/", ""},
		{"localhost", "/", "https://www.example.org/", ""},
		{"127.0.0.1", "/robots.txt", "", "Allow: /\n"},
		{"localhost", "/robots.txt", "", "Allow: /\n"},
		{site.RootCid().String() + ".ipfs.localhost", "/robots.txt", "", "the site's"},
	} {
		got := ask(t, "GET", g.url+c.path, "Host", c.host)
		if got.Header.Get("Location") != c.location || !strings.Contains(string(got.body), c.body) {
			t.Errorf("%s%s: status %d to %q: %s", c.host, c.path, got.StatusCode, got.Header.Get("Location"), got.body)
		}
	}
	if _, err := Open(Options{Node: node, LandingPage: "/no/such/file"}, listenLoopback(t)); err == nil {
		t.Error("a landing page that cannot be read: no error")
	}
}

// A gateway that serves what is held asks for it where it is told to, and nowhere else.
func TestHeldStaysInside(t *testing.T) {
	stranger, member, server := newNode(t, true, nil), newNode(t, false, nil), newNode(t, true, nil)
	connect(t, stranger, server)
	tree, content := site()
	held := add(t, member, tree)
	elsewhere := add(t, stranger, files.NewBytesFile([]byte("elsewhere")))
	g := start(t, Options{Node: server, HeldOnly: true, Held: offline.Exchange(member.Blocks.Blockstore())})
	if got := ask(t, "GET", g.url+held.String()+"/large.bin"); got.StatusCode != 200 || len(got.body) != len(content["large.bin"]) {
		t.Errorf("what is held: status %d with %d bytes", got.StatusCode, len(got.body))
	}
	if got := ask(t, "GET", g.url+held.String()+"/docs/"); got.StatusCode != 200 || !strings.Contains(string(got.body), "pixel.png") {
		t.Errorf("its listing: status %d", got.StatusCode)
	}
	began := time.Now()
	if got := ask(t, "GET", g.url+elsewhere.String()); got.StatusCode != 404 {
		t.Errorf("what is elsewhere: status %d", got.StatusCode)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	// The same without that restriction, which shows that the stranger can be reached.
	open := start(t, Options{Node: server})
	if got := ask(t, "GET", open.url+elsewhere.String()); got.StatusCode != 200 {
		t.Errorf("without: status %d", got.StatusCode)
	}
	if n, err := blockservice.New(server.Blocks.Blockstore(), nil).GetBlock(t.Context(), elsewhere.RootCid()); err != nil || n == nil {
		t.Errorf("it was not fetched: %v", err)
	}
}

// Structured data is shown for people, and comes as it is for everybody else.
func TestStructuredDataIsShown(t *testing.T) {
	node := newNode(t, false, nil)
	raw := []byte(`{"name":"a <name>","to":{"/":"` + absent + `"}}`)
	id, err := cid.V1Builder{Codec: cid.DagJSON, MhType: multihash.SHA2_256}.Sum(raw)
	if err != nil {
		t.Fatal(err)
	}
	block, err := blocks.NewBlockWithCid(raw, id)
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Blocks.AddBlock(t.Context(), block); err != nil {
		t.Fatal(err)
	}
	g := start(t, Options{Node: node})
	url := g.url + "/ipfs/" + id.String() + "/"
	got := ask(t, "GET", url, "Accept", accepts)
	page := string(got.body)
	if got.StatusCode != 200 || !strings.Contains(page, "a &lt;name&gt;") || !strings.Contains(page, `href="/ipfs/`+absent+`"`) || len(page) > 20_000 {
		t.Errorf("status %d, %d bytes: %s", got.StatusCode, len(page), page[max(0, strings.Index(page, "<main")):])
	}
	if !strings.HasPrefix(got.Header.Get("Etag"), `"DagIndex-`) || got.Header.Get("Content-Disposition") != "" || got.Header.Get("Content-Security-Policy") == "" {
		t.Errorf("headers %v", got.Header)
	}
	if part := ask(t, "GET", url, "Accept", accepts, "Range", "bytes=0-3"); part.StatusCode != 200 || len(part.body) != len(page) || part.Header.Get("Accept-Ranges") != "" {
		t.Errorf("a part of it: status %d, %d bytes, headers %v", part.StatusCode, len(part.body), part.Header)
	}
	if head := ask(t, "HEAD", url, "Accept", accepts); head.StatusCode != 200 || head.Header.Get("Etag") != got.Header.Get("Etag") {
		t.Errorf("HEAD: status %d, headers %v", head.StatusCode, head.Header)
	}
	if got := ask(t, "GET", url); got.StatusCode != 200 || string(got.body) != string(raw) {
		t.Errorf("for a program: status %d: %s", got.StatusCode, got.body)
	}
	if got := ask(t, "GET", url+"?format=raw", "Accept", accepts); string(got.body) != string(raw) {
		t.Errorf("as a block: status %d: %s", got.StatusCode, got.body)
	}
}
