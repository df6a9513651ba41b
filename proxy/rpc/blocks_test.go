package rpc

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	pin "github.com/ipfs/boxo/pinning/pinner"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"

	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/member"
	"github.com/underlay/underlay/proxy/proxytest"
)

// refsLocal lists blocks through a peer, and fails if one comes twice.
func (r *rpcRig) refsLocal(command string, header ...string) map[string]bool {
	r.t.Helper()
	reply := proxytest.Ask(r.t, http.MethodPost, r.Command(command, nil, "encoding", "text"), nil, header...)
	if reply.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: %d, %s", command, reply.StatusCode, reply.Text)
	}
	listed := make(map[string]bool)
	for line := range strings.Lines(reply.Text) {
		c, err := cid.Decode(strings.TrimSpace(line))
		if err != nil {
			r.t.Fatalf("%s: %q: %v", command, line, err)
		}
		if listed[string(c.Hash())] {
			r.t.Errorf("%s: %s comes twice", command, c)
		}
		listed[string(c.Hash())] = true
	}
	return listed
}

func TestLocalBlocksAreThoseOfAllPeers(t *testing.T) {
	rigs := newRPCRigs(t, 3)
	var all []*merkledag.ProtoNode
	for i := range 40 {
		n := branch(t, fmt.Sprint("block ", i))
		all = append(all, n)
		for j, r := range rigs { // every combination of peers
			if i%8>>j&1 == 1 {
				r.store(n)
			}
		}
	}
	for _, command := range []string{"refs/local", "repo/ls"} {
		for _, r := range rigs {
			listed := r.refsLocal(command)
			for i, n := range all {
				if want := i%8 != 0; listed[string(n.Cid().Hash())] != want {
					t.Errorf("%s: block %d is listed: %t", command, i, !want)
				}
			}
		}
	}
	alone := rigs[0].refsLocal("refs/local", member.Header, "peer-2")
	for i, n := range all {
		if want := i%8>>1&1 == 1; alone[string(n.Cid().Hash())] != want {
			t.Errorf("of one peer: block %d is listed: %t", i, !want)
		}
	}
	down := rigs[2].self
	down.Reach(down, "")
	reply := rigs[0].post("refs/local", nil)
	if got := reply.Header.Get(member.UnreachableHeader); got != down.ID().String() {
		t.Errorf("without a peer: unreachable %q", got)
	}
}

// reader is a kind of request that reads content.
type reader struct {
	command string
	arg     cid.Cid
	options []string
	want    string // part of the answer
}

func TestOfflineReadsWhatAnyPeerHas(t *testing.T) {
	rigs := newRPCRigs(t, 3)
	leaf := merkledag.NodeWithData(unixfs.FilePBData([]byte("some content"), 12))
	dir := unixfs.EmptyDirNode()
	if err := dir.AddNodeLink("leaf", leaf); err != nil {
		t.Fatal(err)
	}
	rigs[2].store(leaf, dir)
	for _, c := range []reader{
		{"block/get", leaf.Cid(), nil, "some content"},
		{"block/stat", leaf.Cid(), nil, `"Size":`},
		{"cat", leaf.Cid(), nil, "some content"},
		{"get", dir.Cid(), nil, "some content"},
		{"ls", dir.Cid(), nil, `"Name":"leaf"`},
		{"refs", dir.Cid(), nil, leaf.Cid().String()},
		{"dag/get", dir.Cid(), nil, `"Links"`},
		{"dag/stat", dir.Cid(), []string{"progress", "false"}, `"NumBlocks":2`},
		{"dag/export", dir.Cid(), nil, "some content"},
	} {
		options := append([]string{"offline", "true"}, c.options...)
		reply := rigs[0].post(c.command, []string{c.arg.String()}, options...)
		if late := reply.Trailer.Get(fault.StreamError); reply.StatusCode != http.StatusOK || late != "" || !strings.Contains(reply.Text, c.want) {
			t.Errorf("%s: %d, trailer %q, %q", c.command, reply.StatusCode, late, reply.Text)
		}
	}
	if rigs[0].has(leaf) || rigs[0].has(dir) {
		t.Error("reading offline has stored blocks")
	}
	// One peer alone has its own blocks only.
	reply := proxytest.Ask(t, http.MethodPost, rigs[0].Command("cat", []string{leaf.Cid().String()}, "offline", "true"), nil, member.Header, "peer-2")
	if reply.StatusCode != http.StatusInternalServerError || !strings.Contains(reply.Text, "block was not found locally") {
		t.Errorf("of one peer: %d, %s", reply.StatusCode, reply.Text)
	}
}

func TestOfflineFailsAsKuboDoes(t *testing.T) {
	r := newRPCRigs(t, 2)[0]
	nowhere := branch(t, "nowhere").Cid().String()
	for command, prefix := range map[string]string{"block/get": "", "block/stat": "", "pin/add": "pin: "} {
		var failure proxytest.KuboError
		reply := r.post(command, []string{nowhere}, "offline", "true")
		reply.Decode(t, &failure)
		if want := prefix + "block was not found locally (offline): ipld: could not find " + nowhere; reply.StatusCode != http.StatusInternalServerError || failure.Message != want {
			t.Errorf("%s: %d, %q", command, reply.StatusCode, failure.Message)
		}
	}
}

// A pin's blocks are here before it is acknowledged, whoever had them.
func TestPinAddOfflineFetchesFromThePeers(t *testing.T) {
	rigs := newRPCRigs(t, 2)
	other := rigs[1].node.PeerHost
	if err := rigs[0].node.PeerHost.Connect(t.Context(), peer.AddrInfo{ID: other.ID(), Addrs: other.Addrs()}); err != nil {
		t.Fatal(err)
	}
	leaf := branch(t, "leaf")
	root := branch(t, "root", leaf)
	rigs[1].store(leaf, root)
	reply := rigs[0].post("pin/add", []string{root.Cid().String()}, "offline", "true")
	if reply.StatusCode != http.StatusOK {
		t.Fatalf("pin add: %d, %s", reply.StatusCode, reply.Text)
	}
	if !rigs[0].has(leaf) || !rigs[0].has(root) {
		t.Error("the blocks are not here")
	}
	if has, err := rigs[0].pinset.Has(t.Context(), api.NewCid(root.Cid())); err != nil || !has {
		t.Errorf("in the pinset: %t, %v", has, err)
	}
}

func TestPinVerifyReadsWhatAnyPeerHas(t *testing.T) {
	rigs := newRPCRigs(t, 2)
	here, there := branch(t, "here"), branch(t, "there")
	root := branch(t, "root", here, there)
	rigs[0].store(here, root)
	rigs[1].store(there)
	if _, err := rigs[0].pinset.Pin(t.Context(), root.Cid(), api.PinModeRecursive, "", false); err != nil {
		t.Fatal(err)
	}
	verify := func() string { return rigs[0].post("pin/verify", nil, "verbose", "true").Text }
	if got := verify(); !strings.Contains(got, `"Ok":true`) {
		t.Errorf("what is whole: %s", got)
	}
	if err := rigs[1].node.Blockstore.DeleteBlock(t.Context(), there.Cid()); err != nil {
		t.Fatal(err)
	}
	if got := verify(); !strings.Contains(got, there.Cid().String()) || strings.Contains(got, `"Ok":true`) {
		t.Errorf("what lacks a block: %s", got)
	}
}

func TestBlockRmRemovesFromAllPeers(t *testing.T) {
	rigs := newRPCRigs(t, 3)
	both, pinned := branch(t, "both"), branch(t, "pinned")
	for _, r := range rigs[1:] {
		r.store(both, pinned)
	}
	if _, err := rigs[0].pinset.Pin(t.Context(), pinned.Cid(), api.PinModeRecursive, "", false); err != nil {
		t.Fatal(err)
	}
	remove := func(n ipld.Node, options ...string) (removed struct{ Hash, Error string }) {
		t.Helper()
		reply := rigs[0].post("block/rm", []string{n.Cid().String()}, options...)
		if reply.StatusCode != http.StatusOK {
			t.Fatalf("block rm: %d, %s", reply.StatusCode, reply.Text)
		}
		reply.Decode(t, &removed)
		return removed
	}
	if got := remove(both); got.Hash != both.Cid().String() || got.Error != "" {
		t.Errorf("of what is elsewhere: %+v", got)
	}
	if got, want := remove(both).Error, "ipld: could not find "+both.Cid().String(); got != want {
		t.Errorf("once more: %q, want %q", got, want)
	}
	if got := remove(both, "force", "true"); got.Error != "" {
		t.Errorf("by force: %q", got.Error)
	}
	want := pin.Pinned{Key: pinned.Cid(), Mode: pin.Recursive}.String()
	if got := remove(pinned).Error; got != want {
		t.Errorf("of what is pinned: %q, want %q", got, want)
	}
	for i, r := range rigs {
		if r.has(both) || r.has(pinned) != (i > 0) {
			t.Errorf("peer %d has what was removed: %t, what is pinned: %t", i+1, r.has(both), r.has(pinned))
		}
	}
	rigs[2].store(both)
	rigs[1].self.Reach(rigs[1].self, "")
	if got := remove(both).Error; !strings.Contains(got, rigs[1].self.ID().String()) || rigs[2].has(both) {
		t.Errorf("without a peer: %q, still on another: %t", got, rigs[2].has(both))
	}
}

// newPeerBeside is a peer whose only other is one that answers as handler does.
func newPeerBeside(t *testing.T, handler http.HandlerFunc) (r *rpcRig, other proxytest.Member) {
	t.Helper()
	network := proxytest.NewNetwork()
	r = joinRPC(t, network, "here", nil)
	other = network.Join(t, "there")
	l := proxytest.Listen(t)
	proxytest.Serve(t, l, handler, time.Second)
	network.Reach(other, l.Addr().String())
	return r, other
}

func TestAListThatBreaksOffIsAnError(t *testing.T) {
	listed := cid.NewCidV1(cid.Raw, branch(t, "listed").Cid().Hash())
	r, other := newPeerBeside(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, listed)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // as if the peer ended
	})
	reply := r.post("refs/local", nil)
	if got := reply.Trailer.Get(fault.StreamError); !strings.Contains(got, other.ID().String()) {
		t.Errorf("the trailer is %q after %s", got, reply.Text)
	}
}

func TestBlocksOfOtherPeersAreChecked(t *testing.T) {
	r, _ := newPeerBeside(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "something else") })
	reply := r.post("block/get", []string{branch(t, "wanted").Cid().String()}, "offline", "true")
	if reply.StatusCode != http.StatusInternalServerError || !strings.Contains(reply.Text, "block was not found locally") {
		t.Errorf("status %d, %s", reply.StatusCode, reply.Text)
	}
}

// Whoever lists blocks slowly, or leaves, holds nobody up.
func TestAListEndsWithItsReader(t *testing.T) {
	ended := make(chan struct{})
	r, _ := newPeerBeside(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		for i := 0; r.Context().Err() == nil; i++ {
			sum, err := cid.V1Builder{Codec: cid.Raw, MhType: multihash.SHA2_256}.Sum(fmt.Append(nil, i))
			if err != nil {
				t.Error(err)
				return
			}
			fmt.Fprintln(w, sum)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	blocks := newClusterBlocks(r.node.Blockstore, r.self)
	keys, err := blocks.AllKeysChan(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for range 5000 {
		<-keys
	}
	cancel()
	select {
	case <-ended:
	case <-time.After(proxytest.Patience):
		t.Error("the other peer lists on")
	}
	for range keys { // it is closed
	}
}
