package gateway

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/ipfs/boxo/files"
	"github.com/ipfs/boxo/namesys"
	"github.com/ipfs/boxo/path"
	"github.com/ipfs/kubo/config"
)

// oneName is a name system in which one name leads somewhere, or to an error.
type oneName struct {
	namesys.NameSystem
	name string
	to   path.Path
	err  error
}

func (n oneName) Resolve(ctx context.Context, p path.Path, o ...namesys.ResolveOption) (namesys.Result, error) {
	if p.String() != n.name {
		return n.NameSystem.Resolve(ctx, p, o...)
	}
	return namesys.Result{Path: n.to}, n.err
}

// later is an error after which the same request may succeed.
type later struct{ error }

func (later) HTTPStatus() int { return http.StatusServiceUnavailable }

// Names are resolved by the node's name system, or what has been put over the gateway's own, and an error has the status
// that it knows of.
func TestNamesOfTheNode(t *testing.T) {
	const name = "/ipns/k51qzi5uqu5dgutdk6i1ynyzgkqngpha5xpgia3a5qqp4jsh0u4csozksxel2r"
	for setting, noFetch := range map[string]bool{"fetching": false, "not fetching": true} {
		node := newNode(t, true, func(c *config.Config) { c.Gateway.NoFetch = noFetch })
		content := add(t, node, files.NewBytesFile([]byte("content")))
		for _, c := range []struct {
			err    error
			status int
		}{{nil, http.StatusOK}, {later{errors.New("nobody leads")}, http.StatusServiceUnavailable}, {errors.New("broken"), http.StatusInternalServerError}} {
			over := func(n namesys.NameSystem) namesys.NameSystem { return oneName{n, name, content, c.err} }
			o := Options{Node: node, NamesOver: over}
			if !noFetch {
				changed := *node
				changed.Namesys = over(node.Namesys)
				o = Options{Node: &changed}
			}
			if got := ask(t, "GET", start(t, o).url+name); got.StatusCode != c.status {
				t.Errorf("%s, error %v: %s", setting, c.err, got.Status)
			}
		}
	}
}
