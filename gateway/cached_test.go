package gateway

import (
	"net/http"
	"testing"

	"github.com/ipfs/boxo/exchange"
	"github.com/ipfs/boxo/exchange/offline"
	"github.com/ipfs/boxo/files"
)

// What a member of the cluster has counts as cached on every one; what only the network has does not, and is not fetched to
// find that out.
func TestOnlyIfCachedIsAboutTheCluster(t *testing.T) {
	stranger, member, server := newNode(t, true, nil), newNode(t, false, nil), newNode(t, true, nil)
	connect(t, stranger, server)
	tree, content := site()
	held := add(t, member, tree).String() + "/docs/pixel.png"
	own := add(t, server, files.NewBytesFile([]byte("own"))).String()
	elsewhere := add(t, stranger, files.NewMapDirectory(map[string]files.Node{"file": files.NewBytesFile([]byte("elsewhere"))}))
	for _, c := range []struct {
		name   string
		held   exchange.Interface
		path   string
		status int
	}{
		{"of the peer itself", offline.Exchange(member.Blockstore), own, 200},
		{"of another member", offline.Exchange(member.Blockstore), held, 200},
		{"a path that a member does not know either", offline.Exchange(member.Blockstore), elsewhere.String() + "/file", 412},
		{"of a stranger", offline.Exchange(member.Blockstore), elsewhere.String(), 412},
		{"a name that nobody knows", offline.Exchange(member.Blockstore), "/ipns/nonsense.invalid", 412},
		{"of a stranger, without members", nil, elsewhere.String() + "/file", 412},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := start(t, Options{Node: server, Held: c.held})
			for _, method := range []string{"HEAD", "GET"} {
				if got := ask(t, method, g.url+c.path, "Cache-Control", "only-if-cached"); got.StatusCode != c.status {
					t.Errorf("%s: %s, %s", method, got.Status, got.body)
				}
			}
		})
	}
	g := start(t, Options{Node: server, Held: offline.Exchange(member.Blockstore)})
	if got := ask(t, "GET", g.url+held, "Cache-Control", "only-if-cached"); string(got.body) != string(content["docs/pixel.png"]) {
		t.Errorf("of another member: %d bytes", len(got.body))
	}
	if has, err := server.Blockstore.Has(t.Context(), elsewhere.RootCid()); err != nil || has {
		t.Errorf("what is elsewhere was fetched: %t, %v", has, err)
	}
	if got := ask(t, "GET", g.url+elsewhere.String()+"/file"); got.StatusCode != http.StatusOK {
		t.Errorf("the stranger cannot be asked: %s", got.Status)
	}
}
