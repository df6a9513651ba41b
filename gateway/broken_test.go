package gateway

import (
	"io"
	"net/http"
	"testing"

	"github.com/ipfs/boxo/files"
)

// A CAR or a TAR that cannot be had as a whole must not look like one.
func TestBrokenOffResponses(t *testing.T) {
	node := newNode(t, false, nil)
	content := files.NewBytesFile(noise(3 << 20))
	root := add(t, node, content)
	links, err := node.DAG.Get(t.Context(), root.RootCid())
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Blocks.DeleteBlock(t.Context(), links.Links()[9].Cid); err != nil {
		t.Fatal(err)
	}
	g := start(t, Options{Node: node})
	for _, query := range []string{"?format=car", "?format=tar", ""} {
		resp, err := http.Get(g.url + root.String() + query)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 || n < 1<<20 || err == nil {
			t.Errorf("%q: %s, %d bytes, %v; want some of them and an error", query, resp.Status, n, err)
		}
	}
}
