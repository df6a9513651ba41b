package gateway

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/ipfs/boxo/files"
	"github.com/ipfs/boxo/ipld/merkledag"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/ipfs/kubo/core"
)

// siteOfShards is a website with a page for what it does not have, and a directory "large" with "page 0", "page 1", ... It
// returns the parts of that directory, too.
func siteOfShards(t *testing.T, node *core.IpfsNode) (site cid.Cid, shards []cid.Cid) {
	t.Helper()
	ctx := t.Context()
	root := add(t, node, files.NewMapDirectory(map[string]files.Node{
		"_redirects": files.NewBytesFile([]byte("/* /404.html 404\n")),
		"404.html":   files.NewBytesFile([]byte("own 404")),
		"page":       files.NewBytesFile([]byte("page")),
	}))
	large, err := uio.NewHAMTDirectory(node.DAG, 0)
	if err != nil {
		t.Fatal(err)
	}
	page, err := node.DAG.Get(ctx, under(t, node, root, "page"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2000 { // enough for two levels
		if err := large.AddChild(ctx, fmt.Sprint("page ", i), page); err != nil {
			t.Fatal(err)
		}
	}
	largeNode, err := large.GetNode()
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range largeNode.Links() {
		if link.Cid != page.Cid() {
			shards = append(shards, link.Cid)
		}
	}
	rootNode, err := node.DAG.Get(ctx, root.RootCid())
	if err != nil {
		t.Fatal(err)
	}
	whole := rootNode.Copy().(*merkledag.ProtoNode)
	if err := whole.AddNodeLink("large", largeNode); err != nil {
		t.Fatal(err)
	}
	if err := node.DAG.AddMany(ctx, []ipld.Node{largeNode, whole}); err != nil {
		t.Fatal(err)
	}
	return whole.Cid(), shards
}

// A path that cannot be looked up, because a part of its directory is not here, gets the website's page for what is not there,
// too. Nobody may keep that: the path exists.
func TestOwnErrorPageForAPathThatMayExist(t *testing.T) {
	node := newNode(t, false, nil)
	site, shards := siteOfShards(t, node)
	g := start(t, Options{Node: node, CacheBytes: -1})
	host := site.String() + ".ipfs.localhost"
	page := func(p string) reply { return ask(t, "GET", g.url+p, "Host", host) }
	if got := page("/large/page%207"); got.StatusCode != http.StatusOK {
		t.Fatalf("with all parts: %s, %s", got.Status, got.body)
	}
	for _, shard := range shards {
		if err := node.Blockstore.DeleteBlock(t.Context(), shard); err != nil {
			t.Fatal(err)
		}
	}
	if got := page("/large/page%207"); string(got.body) != "own 404" || got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("Etag") != "" {
		t.Errorf("without a part: %s, %q, %v", got.Status, got.body, got.Header)
	}
	if got := page("/nothing"); string(got.body) != "own 404" || got.Header.Get("Cache-Control") != "public, max-age=29030400, immutable" {
		t.Errorf("what is not there: %s, %q, %v", got.Status, got.body, got.Header)
	}
}
