package restdiff

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/apidiff"
	"github.com/underlay/underlay/internal/itest"
	"github.com/underlay/underlay/internal/stock"
)

// size is how many peers both clusters have: enough for pins that not all of them hold, and for one to be removed.
const size = 3

// target is a cluster that speaks the REST API. All requests go to its first peer.
type target struct {
	name  string
	rest  string   // URL of the first peer's REST API
	all   []string // of every peer's
	http  *http.Client
	own   []ownValue
	given variables   // that every case begins with
	ended func(n int) // told of a peer that is gone
}

// ownValue is text that only one target answers, and the name by which it is compared.
type ownValue struct{ value, name string }

func newTarget(name string) *target {
	return &target{
		name: name, given: make(variables), ended: func(int) {},
		http: &http.Client{
			Transport:     &http.Transport{DisableCompression: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// addPeer names what belongs to a peer. A case can write $id1 for the ID of the first.
func (tg *target) addPeer(t *testing.T, name, id, rest, repo string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(repo, "config"))
	if err != nil {
		t.Fatal(err)
	}
	var conf struct{ Identity struct{ PeerID string } }
	if err := json.Unmarshal(raw, &conf); err != nil {
		t.Fatal(err)
	}
	tg.all = append(tg.all, rest)
	tg.rest = tg.all[0]
	n := len(tg.all)
	tg.given[fmt.Sprintf("id%d", n)] = id
	tg.own = append(tg.own, ownValue{name, fmt.Sprintf("<name %d>", n)}, ownValue{conf.Identity.PeerID, fmt.Sprintf("<node %d>", n)},
		ownValue{strings.TrimPrefix(rest, "http://"), fmt.Sprintf("<address %d>", n)})
}

// startTargets starts both clusters, and waits until every peer of both knows all others and can pin.
func startTargets(t *testing.T) (model, ours *target) {
	t.Helper()
	peers := stock.New(t, size)
	for _, h := range peers.Hosts {
		h.InitKubo()
	}
	peers.InitPeers()
	for _, h := range peers.Hosts {
		h.StartKubo()
	}
	for _, h := range peers.Hosts {
		h.StartCluster()
	}
	ours = oursTarget(t, itest.Start(t, "--peers", fmt.Sprint(size)))
	model = stockTarget(t, peers)
	for _, tg := range []*target{model, ours} {
		for _, url := range tg.all {
			itest.Eventually(t, 2*time.Minute, func() error { return tg.complete(url) })
		}
	}
	return model, ours
}

// stockTarget is the stock cluster. Its first peer is the leader: any other misses what it has itself just acknowledged.
func stockTarget(t *testing.T, c *stock.Cluster) *target {
	t.Helper()
	var leader int
	itest.Eventually(t, 2*time.Minute, func() (err error) {
		leader, err = c.Leader()
		return err
	})
	c.Hosts[0], c.Hosts[leader] = c.Hosts[leader], c.Hosts[0]
	tg := newTarget("stock")
	for _, h := range c.Hosts {
		tg.addPeer(t, filepath.Base(h.Dir), h.ID, h.REST(), h.Repo())
	}
	return tg
}

// oursTarget is a cluster of ours.
func oursTarget(t *testing.T, c *itest.Cluster) *target {
	t.Helper()
	tg := newTarget("ours")
	tg.ended = func(n int) { c.AwaitEnd(c.Peers[n-1]) }
	for _, p := range c.Peers {
		tg.addPeer(t, p.Name, p.ID, p.REST, filepath.Join(c.Dir, p.Name, "data", "ipfs"))
	}
	return tg
}

// complete returns nil when the peer knows metrics of all peers, without which it allocates nothing.
func (tg *target) complete(url string) error {
	for _, name := range []string{"ping", "freespace", "pinqueue", "tag:group"} {
		resp, err := tg.http.Get(url + "/monitor/metrics/" + name)
		if err != nil {
			return err
		}
		var metrics []struct{}
		err = json.NewDecoder(resp.Body).Decode(&metrics)
		resp.Body.Close()
		if err != nil || len(metrics) < size {
			return fmt.Errorf("%s: %d metrics %s: %w", tg.name, len(metrics), name, err)
		}
	}
	return nil
}

// probe is an action: it looks whether a peer is there.
type probe struct{ peer int }

func (p probe) uses() []string { return nil }

func (p probe) do(_ context.Context, t *target, _ variables) (apidiff.Answer, error) {
	resp, err := t.http.Get(t.all[p.peer-1] + "/health")
	if err != nil {
		t.ended(p.peer)
		return apidiff.Answer{apidiff.Body: "down"}, nil
	}
	resp.Body.Close()
	return apidiff.Answer{apidiff.Body: "up"}, nil
}
