package rpcdiff

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/internal/itest"
)

// target is something that speaks the RPC API.
type target struct {
	name  string
	front front
	own   []ownValue // longest first where one contains another
}

// ownValue is text that only one target answers, and the name by which it is compared.
type ownValue struct{ value, name string }

// front is the way in to a target.
type front interface {
	begin()          // a case begins
	next() string    // the base URL for the next request
	hides() []string // fields of an answer that do not come through
	client() *http.Client
}

// turns hands the requests of each case to its bases in turn, beginning with the first.
type turns struct {
	bases []string
	turn  int
	http  *http.Client
}

func newTurns(bases ...string) *turns {
	return &turns{bases: bases, http: newClient()}
}

func (f *turns) begin()               { f.turn = 0 }
func (f *turns) hides() []string      { return nil }
func (f *turns) client() *http.Client { return f.http }

func (f *turns) next() string {
	base := f.bases[f.turn%len(f.bases)]
	f.turn++
	return base
}

// balanced is a way in through nginx, which takes turns by itself. It puts headers of its own in the place of some, and
// drops trailers, and with them the errors that come after the first byte. That is why another target, without it, lets
// the client take turns.
type balanced struct{ *turns }

func (balanced) hides() []string {
	return []string{"header Server", "header Trailer", "trailer X-Stream-Error", "header Connection", "framing"}
}

// peersTarget is a cluster of ours.
func peersTarget(t *testing.T, name string, c *itest.Cluster, f front) *target {
	t.Helper()
	tg := &target{name: name, front: f}
	for _, p := range c.Peers {
		tg.addOwn(t, p.API)
		tg.addDir(filepath.Join(c.Dir, p.Name, "data", "ipfs"))
	}
	return tg
}

// addOwn names the identity and the address of the node at base.
func (tg *target) addOwn(t *testing.T, base string) {
	t.Helper()
	resp, err := http.Post(base+"/api/v0/id", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var id struct{ ID, PublicKey string }
	if err := json.NewDecoder(resp.Body).Decode(&id); err != nil {
		t.Fatalf("decode the identity of %s: %v", base, err)
	}
	pid, err := peer.Decode(id.ID)
	if err != nil {
		t.Fatal(err)
	}
	base36, err := peer.ToCid(pid).StringOfBase('k')
	if err != nil {
		t.Fatal(err)
	}
	tg.own = append(tg.own,
		ownValue{id.ID, "<id>"}, ownValue{base36, "<id base36>"}, ownValue{id.PublicKey, "<public key>"},
		ownValue{strings.TrimPrefix(base, "http://"), "<address>"}, ownValue{itest.Multiaddr(base), "<multiaddr>"},
	)
}

// addDir names the repository of a node, and the directory that it is in.
func (tg *target) addDir(repo string) {
	tg.own = append(tg.own, ownValue{repo, "<repo>"}, ownValue{filepath.Dir(repo), "<above repo>"})
}

// newClient repeats and follows nothing by itself.
func newClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
