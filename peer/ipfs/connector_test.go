package ipfs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/boxo/ipld/merkledag"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/kubo/core"
	"github.com/multiformats/go-multihash"
)

// newConnector opens a node and the orchestrator's way to it.
func newConnector(t testing.TB) (*Connector, *core.IpfsNode) {
	t.Helper()
	dir := t.TempDir() + "/ipfs"
	node := openNode(t, dir)
	return NewConnector(node, newPins(t, node), dir), node
}

func TestResolve(t *testing.T) {
	conn, node := newConnector(t)
	tr := addTree(t, node, "paths")
	record := jsonBlock(t, fmt.Sprintf(`{"leaf":{"/":"%s"},"text":"inside"}`, tr.left.Cid()))
	if err := node.Blocks.AddBlock(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	root := tr.root.Cid().String()
	for _, r := range []struct {
		name, path string
		want       cid.Cid // undefined: an error that says says
		says       string
	}{
		{"bare CID", root, tr.root.Cid(), ""},
		{"IPFS path of a root", "/ipfs/" + root, tr.root.Cid(), ""},
		{"bare CID and link", root + "/paths left", tr.left.Cid(), ""},
		{"IPFS path of a link", "/ipfs/" + root + "/paths right", tr.right.Cid(), ""},
		{"link in another codec", "/ipfs/" + record.Cid().String() + "/leaf", tr.left.Cid(), ""},
		{"no such link", "/ipfs/" + root + "/absent", cid.Undef, "absent"},
		{"inside a block", "/ipfs/" + record.Cid().String() + "/text", cid.Undef, "inside a block"},
		{"no CID", "not-a-cid", cid.Undef, "not-a-cid"},
		{"no CID in an IPFS path", "/ipfs/not-a-cid", cid.Undef, "not-a-cid"},
		{"empty", "", cid.Undef, "parse path"},
		{"unknown namespace", "/ftp/" + root, cid.Undef, "parse path"},
	} {
		t.Run(r.name, func(t *testing.T) {
			got, err := conn.Resolve(within(t, 10*time.Second), r.path)
			if r.want.Defined() {
				if err != nil || got.Cid != r.want {
					t.Errorf("got %s, %v; want %s", got, err, r.want)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), r.says) {
				t.Errorf("got %s, %v; want an error with %q", got, err, r.says)
			}
		})
	}
}

// jsonBlock makes a block in the codec dag-json.
func jsonBlock(t testing.TB, text string) blocks.Block {
	t.Helper()
	c, err := cid.Prefix{Version: 1, Codec: cid.DagJSON, MhType: multihash.SHA2_256, MhLength: -1}.Sum([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	block, err := blocks.NewBlockWithCid([]byte(text), c)
	if err != nil {
		t.Fatal(err)
	}
	return block
}

func TestConfigKey(t *testing.T) {
	conn, _ := newConnector(t)
	for _, r := range []struct {
		path string
		ok   func(any) bool
	}{
		{"Routing/Type", func(v any) bool { return v == "dht" }},
		{"Addresses/Swarm", func(v any) bool { l, _ := v.([]any); return len(l) == 1 && l[0] == "/ip4/127.0.0.1/tcp/0" }},
		{"Datastore/StorageMax", func(v any) bool { s, _ := v.(string); return strings.HasSuffix(s, "B") }},
		{"Addresses", func(v any) bool { _, is := v.(map[string]any); return is }},
	} {
		if v, err := conn.ConfigKey(r.path); err != nil || !r.ok(v) {
			t.Errorf("%s is %v, %v", r.path, v, err)
		}
	}
	for _, path := range []string{"", "Absent", "Routing/Absent", "Routing/Type/Deeper"} {
		if v, err := conn.ConfigKey(path); err == nil || !strings.Contains(err.Error(), `"`+path+`"`) {
			t.Errorf("%q is %v, %v; want an error that names it", path, v, err)
		}
	}
}

func TestRepoStat(t *testing.T) {
	conn, node := newConnector(t)
	before, err := conn.RepoStat(t.Context())
	if err != nil || before.StorageMax < before.RepoSize || before.StorageMax == 0 {
		t.Fatalf("empty repository: %+v, %v", before, err)
	}
	if err := node.DAG.Add(t.Context(), merkledag.NewRawNode(make([]byte, 1<<20))); err != nil {
		t.Fatal(err)
	}
	after, err := conn.RepoStat(t.Context())
	if err != nil || after.RepoSize < before.RepoSize+1<<20 || after.StorageMax < after.RepoSize {
		t.Errorf("was %+v, is %+v with a MiB more, %v", before, after, err)
	}
	conn.dir += "/absent"
	if _, err := conn.RepoStat(t.Context()); err == nil || !strings.Contains(err.Error(), conn.dir) {
		t.Errorf("measuring an absent directory gives %v", err)
	}
}

func TestRepoGCSparesWhatIsPinned(t *testing.T) {
	conn, node := newConnector(t)
	whole, top, loose := addTree(t, node, "whole"), addTree(t, node, "top"), addTree(t, node, "loose")
	if err := conn.Pin(t.Context(), pinOf(whole.root, api.PinModeRecursive)); err != nil {
		t.Fatal(err)
	}
	if err := conn.Pin(t.Context(), pinOf(top.root, api.PinModeDirect)); err != nil {
		t.Fatal(err)
	}
	report, err := conn.RepoGC(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	removed := cid.NewSet()
	for _, k := range report.Keys {
		if k.Error != "" {
			t.Errorf("collecting %s: %s", k.Key, k.Error)
		}
		removed.Add(cid.NewCidV1(cid.DagProtobuf, k.Key.Hash())) // reported by hash
	}
	for _, r := range []struct {
		name string
		n    *merkledag.ProtoNode
		kept bool
	}{
		{"recursive root", whole.root, true}, {"recursive leaf", whole.left, true}, {"direct root", top.root, true},
		{"leaf below a direct pin", top.left, false}, {"loose root", loose.root, false}, {"loose leaf", loose.right, false},
	} {
		if got := stored(t, node, r.n.Cid())[0]; got != r.kept {
			t.Errorf("%s: kept %t, want %t", r.name, got, r.kept)
		}
		if got := removed.Has(cid.NewCidV1(cid.DagProtobuf, r.n.Cid().Hash())); got == r.kept {
			t.Errorf("%s: reported as removed: %t", r.name, got)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := conn.RepoGC(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled collection gives %v", err)
	}
}

func TestConnectorPins(t *testing.T) {
	conn, node := newConnector(t)
	whole, top := addTree(t, node, "whole"), addTree(t, node, "top")
	pins := []api.Pin{pinOf(whole.root, api.PinModeRecursive), pinOf(top.root, api.PinModeDirect)}
	for _, pin := range pins {
		if err := conn.Pin(t.Context(), pin); err != nil {
			t.Fatal(err)
		}
		if got, err := conn.PinLsCid(t.Context(), pin); err != nil || got != wantedStatus(pin) {
			t.Errorf("%v pin is %v, %v", pin.Mode, got, err)
		}
	}
	for _, r := range []struct {
		types []string
		want  []cid.Cid
	}{
		{[]string{"recursive"}, []cid.Cid{whole.root.Cid()}},
		{[]string{"direct"}, []cid.Cid{top.root.Cid()}},
		{[]string{"recursive", "direct"}, []cid.Cid{whole.root.Cid(), top.root.Cid()}},
		{[]string{"indirect"}, nil},
		{nil, nil},
	} {
		got := listConnector(t, conn, r.types)
		for _, list := range [][]cid.Cid{got, r.want} {
			slices.SortFunc(list, func(a, b cid.Cid) int { return strings.Compare(a.KeyString(), b.KeyString()) })
		}
		if !slices.Equal(got, r.want) {
			t.Errorf("pins of type %v: %v, want %v", r.types, got, r.want)
		}
	}
	for _, pin := range append(pins, pins[0]) { // the last is gone by then
		if err := conn.Unpin(t.Context(), pin.Cid); err != nil {
			t.Errorf("unpin: %v", err)
		}
	}
	if got := listConnector(t, conn, []string{"recursive", "direct"}); got != nil {
		t.Errorf("pins after unpinning all: %v", got)
	}
}

func listConnector(t testing.TB, conn *Connector, types []string) (cids []cid.Cid) {
	t.Helper()
	out, done := make(chan api.IPFSPinInfo), make(chan error, 1)
	go func() { done <- conn.PinLs(t.Context(), types, out) }()
	for info := range out {
		cids = append(cids, info.Cid.Cid)
	}
	if err := <-done; err != nil {
		t.Fatalf("list pins: %v", err)
	}
	return cids
}

func TestPinLsEndsWithItsContext(t *testing.T) {
	conn, node := newConnector(t)
	if err := conn.Pin(t.Context(), pinOf(addTree(t, node, "one").root, api.PinModeRecursive)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	out, done := make(chan api.IPFSPinInfo), make(chan error, 1)
	go func() { done <- conn.PinLs(ctx, []string{"recursive"}, out) }()
	cancel() // nobody reads
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if _, open := <-out; open {
		t.Error("the channel is still open")
	}
}

func TestBlockGet(t *testing.T) {
	conn, node := newConnector(t)
	here, nowhere := merkledag.NewRawNode([]byte("here")), merkledag.NewRawNode([]byte("nowhere"))
	if err := node.DAG.Add(t.Context(), here); err != nil {
		t.Fatal(err)
	}
	if data, err := conn.BlockGet(t.Context(), api.NewCid(here.Cid())); err != nil || string(data) != "here" {
		t.Errorf("got %q, %v", data, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := conn.BlockGet(ctx, api.NewCid(nowhere.Cid())); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a block that nobody has: %v", err)
	}
}

func TestConnectorDescribesItsNode(t *testing.T) {
	conn, node := newConnector(t)
	id, err := conn.ID(t.Context())
	if err != nil || id.ID != node.Identity || len(id.Addresses) == 0 {
		t.Fatalf("identity %+v, %v", id, err)
	}
	if got := id.Addresses[0].String(); !strings.HasPrefix(got, "/ip4/127.0.0.1/tcp/") || !strings.HasSuffix(got, node.Identity.String()) {
		t.Errorf("address is %s", got)
	}
	other := newNode(t)
	connect(t, node, other)
	if peers, err := conn.SwarmPeers(t.Context()); err != nil || !slices.Contains(peers, other.Identity) {
		t.Errorf("swarm peers %v, %v", peers, err)
	}
	<-conn.Ready(t.Context())
}
