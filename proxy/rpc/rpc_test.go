package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/boxo/ipld/merkledag"
	pin "github.com/ipfs/boxo/pinning/pinner"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/kubo/core"

	kuboconfig "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/peer/ipfs"
	"github.com/underlay/underlay/proxy"
	"github.com/underlay/underlay/proxy/access"
	"github.com/underlay/underlay/proxy/proxytest"
)

// rpcRig is kubo's RPC API on a real node, with a pinset in a map behind it.
type rpcRig struct {
	*proxytest.Serving
	t        testing.TB
	node     *core.IpfsNode
	pinset   *mapPinset
	keys     *memoryKeys
	files    *fakeFiles
	pins     *ipfs.Pins
	self     proxytest.Member
	options  Options
	settings *fakeSettings
	dropped  atomic.Int32 // how often DropUnwanted was called
}

func newRPCRig(t testing.TB) *rpcRig {
	t.Helper()
	return joinRPC(t, proxytest.NewNetwork(), "peer-1", nil)
}

// newRPCRigs makes several peers with one pinset.
func newRPCRigs(t testing.TB, n int) []*rpcRig {
	t.Helper()
	network := proxytest.NewNetwork()
	var pinset *mapPinset
	rigs := make([]*rpcRig, n)
	for i := range rigs {
		rigs[i] = joinRPC(t, network, fmt.Sprintf("peer-%d", i+1), pinset)
		pinset = rigs[i].pinset
	}
	return rigs
}

// joinRPC adds a peer to the network; configure changes settings of its API.
func joinRPC(t testing.TB, network *proxytest.Network, name string, pinset *mapPinset, configure ...func(*kuboconfig.Config)) *rpcRig {
	t.Helper()
	node, dir := newNode(t)
	conf, err := node.Repo.Config()
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range configure {
		change(conf)
	}
	if pinset == nil {
		pinset = newMapPinset(node.DAG)
	}
	pins, err := ipfs.NewPins(node)
	if err != nil {
		t.Fatal(err)
	}
	pinset.holds = func(c cid.Cid) func() { return pins.Hold(api.PinCid(api.NewCid(c))) }
	l, calls := proxytest.Listen(t), proxytest.Listen(t)
	r := &rpcRig{
		t: t, node: node, pinset: pinset, pins: pins, keys: newMemoryKeys(t), self: network.Join(t, name),
		settings: &fakeSettings{repo: dir, attempts: 1},
	}
	r.files = &fakeFiles{root: node.FilesRoot, self: r.self.ID()}
	r.options = Options{
		Node: node, Repo: dir, Pinset: pinset, Keys: r.keys, Peers: r.self, Collect: r, Settings: r.settings, Files: r.files,
		Listener: l, Logger: slog.New(slog.DiscardHandler),
	}
	rpc, err := New(r.options)
	if err != nil {
		t.Fatalf("make RPC API: %v", err)
	}
	proxytest.Serve(t, calls, rpc.Members, time.Second)
	network.Reach(r.self, calls.Addr().String())
	guard := proxytest.NewGuard(t, r.self, access.Options{Kubo: conf.API.Authorizations, Terms: access.Terms{Open: true}})
	r.Serving = proxytest.Serve(t, l, guard.Wrap(proxy.Handler(rpc.Clients, http.NotFoundHandler(), http.NotFoundHandler(), http.NotFoundHandler()), access.Private), time.Second)
	return r
}

// DropUnwanted implements Collector.
func (r *rpcRig) DropUnwanted(context.Context) error {
	r.dropped.Add(1)
	return nil
}

// Collecting implements Collector.
func (r *rpcRig) Collecting() pin.Pinner { return r.pins.Collecting() }

// post sends a command without a body; options are pairs of name and value.
func (r *rpcRig) post(name string, args []string, options ...string) proxytest.Reply {
	r.t.Helper()
	return proxytest.Ask(r.t, http.MethodPost, r.Command(name, args, options...), nil)
}

// store keeps blocks on the node without pinning them.
func (r *rpcRig) store(nodes ...*merkledag.ProtoNode) {
	r.t.Helper()
	for _, n := range nodes {
		if err := r.node.DAG.Add(r.t.Context(), n); err != nil {
			r.t.Fatalf("store block: %v", err)
		}
	}
}

func (r *rpcRig) has(n *merkledag.ProtoNode) bool {
	r.t.Helper()
	has, err := r.node.Blockstore.Has(r.t.Context(), n.Cid())
	if err != nil {
		r.t.Fatalf("look for block: %v", err)
	}
	return has
}

func TestRPCAnswersLikeKubo(t *testing.T) {
	r := newRPCRig(t)
	var id struct{ ID, AgentVersion string }
	reply := r.post("id", nil)
	reply.Decode(t, &id)
	if reply.StatusCode != http.StatusOK || id.ID != r.node.Identity.String() || !strings.HasPrefix(id.AgentVersion, "kubo/") {
		t.Errorf("id: %d, %+v", reply.StatusCode, id)
	}
	var version struct{ Version string }
	reply = r.post("version", nil)
	reply.Decode(t, &version)
	if reply.StatusCode != http.StatusOK || version.Version == "" {
		t.Errorf("version: %d, %+v", reply.StatusCode, version)
	}
	if reply := r.post("no/such/command", nil); reply.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown command: %d, %s", reply.StatusCode, reply.Text)
	}
	if reply := proxytest.Ask(t, http.MethodGet, r.URL+"/elsewhere", nil); reply.StatusCode != http.StatusNotFound || !strings.Contains(reply.Text, "404 page not found") {
		t.Errorf("outside the RPC API: %d, %s", reply.StatusCode, reply.Text)
	}
}

func TestRPCKeepsOtherSitesOut(t *testing.T) {
	r := newRPCRig(t)
	for _, c := range []struct {
		name, method, command string
		header                []string
		want                  int
	}{
		{"plain", http.MethodPost, "id", nil, http.StatusOK},
		{"GET", http.MethodGet, "id", nil, http.StatusMethodNotAllowed},
		{"PUT", http.MethodPut, "id", nil, http.StatusMethodNotAllowed},
		{"GET of a collection", http.MethodGet, "repo/gc", nil, http.StatusMethodNotAllowed},
		{"GET of shutdown", http.MethodGet, "shutdown", nil, http.StatusMethodNotAllowed},
		{"another origin", http.MethodPost, "id", []string{"Origin", "https://evil.example"}, http.StatusForbidden},
		{"another referer", http.MethodPost, "id", []string{"Referer", "https://evil.example/page"}, http.StatusForbidden},
		{"a browser without an origin", http.MethodPost, "id", []string{"User-Agent", "Mozilla/5.0"}, http.StatusForbidden},
		{"a collection from another origin", http.MethodPost, "repo/gc", []string{"Origin", "https://evil.example"}, http.StatusForbidden},
		{"its own origin", http.MethodPost, "id", []string{"Origin", r.URL}, http.StatusOK},
	} {
		t.Run(c.name, func(t *testing.T) {
			reply := proxytest.Ask(t, c.method, r.Command(c.command, nil), nil, c.header...)
			if reply.StatusCode != c.want {
				t.Errorf("status is %d, want %d: %s", reply.StatusCode, c.want, reply.Text)
			}
			if reply.StatusCode == http.StatusMethodNotAllowed && !strings.Contains(reply.Header.Get("Allow"), http.MethodPost) {
				t.Errorf("Allow is %q", reply.Header.Get("Allow"))
			}
		})
	}
}

func TestRPCRefusesToStopThePeer(t *testing.T) {
	r := newRPCRig(t)
	reply := r.post("shutdown", nil)
	var failure proxytest.KuboError
	reply.Decode(t, &failure)
	if reply.StatusCode != http.StatusForbidden || failure.Message == "" || failure.Type != "error" || failure.Code == 0 {
		t.Errorf("status %d, %+v", reply.StatusCode, failure)
	}
	if got := reply.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("content type is %q", got)
	}
	if got := reply.Header.Get("Server"); !strings.HasPrefix(got, "kubo/") {
		t.Errorf("it lacks the headers of every other answer: %v", reply.Header)
	}
	reply = proxytest.Ask(t, http.MethodPost, r.Command("shutdown", nil), nil, "Origin", "https://evil.example")
	if reply.StatusCode != http.StatusForbidden || strings.Contains(reply.Text, "service") {
		t.Errorf("to another site: %d, %s", reply.StatusCode, reply.Text)
	}
	if reply := r.post("id", nil); reply.StatusCode != http.StatusOK {
		t.Errorf("id after that: %d, %s", reply.StatusCode, reply.Text)
	}
	if err := r.node.Context().Err(); err != nil {
		t.Errorf("the node stops: %v", err)
	}
}

func TestRPCPinsInThePinset(t *testing.T) {
	r := newRPCRig(t)
	leaf := branch(t, "leaf")
	root := branch(t, "root", leaf)
	r.store(leaf, root)
	if reply := r.post("pin/add", []string{root.Cid().String()}, "name", "a name"); reply.StatusCode != http.StatusOK {
		t.Fatalf("pin add: %d, %s", reply.StatusCode, reply.Text)
	}
	committed, err := r.pinset.Get(t.Context(), api.NewCid(root.Cid()))
	if err != nil || committed.Name != "a name" || committed.Mode != api.PinModeRecursive {
		t.Errorf("committed %+v, %v", committed, err)
	}
	if _, pinned, err := r.node.Pinning.IsPinned(t.Context(), root.Cid()); err != nil || pinned {
		t.Errorf("the node's own pinner was used: %t, %v", pinned, err)
	}
	var list struct {
		Keys map[string]struct{ Type, Name string }
	}
	r.post("pin/ls", nil, "names", "true").Decode(t, &list)
	if got := list.Keys[root.Cid().String()]; got.Type != "recursive" || got.Name != "a name" {
		t.Errorf("pin ls of the root: %+v of %+v", got, list)
	}
	if got := list.Keys[leaf.Cid().String()]; got.Type != "indirect" {
		t.Errorf("pin ls of the leaf: %+v of %+v", got, list)
	}
	if reply := r.post("pin/rm", []string{root.Cid().String()}); reply.StatusCode != http.StatusOK {
		t.Errorf("pin rm: %d, %s", reply.StatusCode, reply.Text)
	}
	reply := r.post("pin/rm", []string{root.Cid().String()})
	var failure proxytest.KuboError
	reply.Decode(t, &failure)
	if reply.StatusCode != http.StatusInternalServerError || failure.Message != pin.ErrNotPinned.Error() {
		t.Errorf("pin rm once more: %d, %+v", reply.StatusCode, failure)
	}
}

// add uploads one file as curl does.
func (r *rpcRig) add(content string, options ...string) proxytest.Reply {
	r.t.Helper()
	return r.upload("add", content, options...)
}

func TestRPCAddPinsInThePinset(t *testing.T) {
	r := newRPCRig(t)
	var added struct{ Hash string }
	reply := r.add("content")
	reply.Decode(t, &added)
	c, err := cid.Decode(added.Hash)
	if err != nil || reply.StatusCode != http.StatusOK {
		t.Fatalf("add: %d, %s, %v", reply.StatusCode, reply.Text, err)
	}
	if has, err := r.pinset.Has(t.Context(), api.NewCid(c)); err != nil || !has {
		t.Errorf("%s is not in the pinset: %v, %v", c, r.pinset.all(), err)
	}
	if reply := r.post("cat", []string{added.Hash}); reply.Text != "content" {
		t.Errorf("cat gives %q", reply.Text)
	}
	if reply := r.add("unpinned", "pin", "false"); reply.StatusCode != http.StatusOK || len(r.pinset.all()) != 1 {
		t.Errorf("add without a pin: %d, pinset %v", reply.StatusCode, r.pinset.all())
	}
}

// TestRPCAnswersOnlyWhenThePinIsHeld: the wait comes after the command has let go of the node's pin lock, and what it
// ends with reaches the client.
func TestRPCAnswersOnlyWhenThePinIsHeld(t *testing.T) {
	r := newRPCRig(t)
	root := branch(t, "root")
	r.store(root)
	held := errors.New("0 of 2 peers hold it")
	r.pinset.behave(func(s *mapPinset) {
		s.await = func(ctx context.Context) error {
			// A collection takes the lock alone: it gets it only if the command has let go of it.
			r.node.Blockstore.GCLock(ctx).Unlock(ctx)
			return held
		}
	})
	for name, reply := range map[string]proxytest.Reply{
		"pin add": r.post("pin/add", []string{root.Cid().String()}),
		"add":     r.add("content"),
	} {
		var failure proxytest.KuboError
		reply.Decode(t, &failure)
		if reply.StatusCode != http.StatusInternalServerError || failure.Message != held.Error() {
			t.Errorf("%s: status %d, %s", name, reply.StatusCode, reply.Text)
		}
	}
	if len(r.pinset.all()) != 2 {
		t.Errorf("committed %v", r.pinset.all())
	}
}

func TestRPCReportsAPinThatFails(t *testing.T) {
	r := newRPCRig(t)
	root := branch(t, "root")
	r.store(root)
	r.pinset.behave(func(s *mapPinset) { s.early = errors.New("the cluster has no leader") })
	reply := r.post("pin/add", []string{root.Cid().String()})
	var failure proxytest.KuboError
	reply.Decode(t, &failure)
	if reply.StatusCode != http.StatusInternalServerError || !strings.Contains(failure.Message, "no leader") {
		t.Errorf("pin add: %d, %+v", reply.StatusCode, failure)
	}
	// By the time that the file is pinned, the first line of the answer may be sent.
	reply = r.add("content")
	if said := reply.Text + reply.Trailer.Get("X-Stream-Error"); !strings.Contains(said, "no leader") {
		t.Errorf("add: %d, %s", reply.StatusCode, said)
	}
}

// TestRPCCollectsByTheNodesOwnPins: what the pinset wants is pinned on the node too; a pin elsewhere protects nothing here.
func TestRPCCollectsByTheNodesOwnPins(t *testing.T) {
	r := newRPCRig(t)
	leaf, elsewhere, loose := branch(t, "leaf"), branch(t, "elsewhere"), branch(t, "loose")
	root := branch(t, "root", leaf)
	r.store(leaf, root, elsewhere, loose)
	if err := r.node.Pinning.PinWithMode(t.Context(), root.Cid(), pin.Recursive, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := r.pinset.Pin(t.Context(), elsewhere.Cid(), api.PinModeRecursive, "", false); err != nil {
		t.Fatal(err)
	}
	reply := r.post("repo/gc", nil)
	if reply.StatusCode != http.StatusOK || reply.Trailer.Get("X-Stream-Error") != "" {
		t.Fatalf("repo gc: %d, %s", reply.StatusCode, reply.Text)
	}
	for _, c := range []struct {
		name string
		node *merkledag.ProtoNode
		kept bool
	}{
		{"local root", root, true}, {"local leaf", leaf, true},
		{"pinned elsewhere", elsewhere, false}, {"pinned nowhere", loose, false},
	} {
		if got := r.has(c.node); got != c.kept {
			t.Errorf("%s: kept %t, want %t", c.name, got, c.kept)
		}
	}
}
