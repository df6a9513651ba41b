package rpcdiff

import (
	"encoding/base64"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/internal/apidiff"
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

// visible leaves out what the way in to the target hides.
func (tg *target) visible(answers []apidiff.Answer) []apidiff.Answer {
	var seen []apidiff.Answer
	for _, a := range answers {
		a = maps.Clone(a)
		for _, field := range tg.front.hides() {
			delete(a, field)
		}
		seen = append(seen, a)
	}
	return seen
}

// peersTarget is a cluster of ours.
func peersTarget(t *testing.T, name string, c *itest.Cluster, f front) *target {
	t.Helper()
	tg := &target{name: name, front: f}
	for _, p := range c.Peers {
		tg.addNode(t, p.API, nodeRepo(c, p))
		tg.own = append(tg.own, ownValue{p.ID, "<peer>"})
	}
	return tg
}

// nodeRepo is the directory of a peer's IPFS repository.
func nodeRepo(c *itest.Cluster, p *itest.Peer) string {
	return filepath.Join(c.Dir, p.Name, "data", "ipfs")
}

// addNode names what belongs to a node: its identity, the address of its API and its directories.
func (tg *target) addNode(t *testing.T, api, repo string) {
	t.Helper()
	identity := readConfig(t, filepath.Join(repo, "config"))["Identity"].(map[string]any)
	raw, err := base64.StdEncoding.DecodeString(identity["PrivKey"].(string))
	if err != nil {
		t.Fatal(err)
	}
	private, err := crypto.UnmarshalPrivateKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	public, err := crypto.MarshalPublicKey(private.GetPublic())
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	base36, err := peer.ToCid(id).StringOfBase('k')
	if err != nil {
		t.Fatal(err)
	}
	tg.own = append(tg.own,
		ownValue{id.String(), "<id>"}, ownValue{base36, "<id base36>"}, ownValue{base64.StdEncoding.EncodeToString(public), "<public key>"},
		ownValue{strings.TrimPrefix(api, "http://"), "<address>"}, ownValue{itest.Multiaddr(api), "<multiaddr>"},
		ownValue{repo, "<repo>"}, ownValue{filepath.Dir(repo), "<above repo>"},
	)
}

// newClient repeats and follows nothing by itself.
func newClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
