package ipfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/boxo/ipld/merkledag"

	kuboconfig "github.com/ipfs/kubo/config"
)

func TestOpenAgainKeepsIdentityAndBlocks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ipfs")
	first := openNode(t, dir)
	tr := addTree(t, first, "kept")
	pins := newPins(t, first)
	if err := pins.Pin(t.Context(), pinOf(tr.root, 0)); err != nil {
		t.Fatal(err)
	}
	closeNode(t, first)

	second := openNode(t, dir)
	if second.Identity != first.Identity {
		t.Errorf("identity is %s, was %s", second.Identity, first.Identity)
	}
	if got := stored(t, second, tr.root.Cid(), tr.left.Cid(), tr.right.Cid()); !got[0] || !got[1] || !got[2] {
		t.Errorf("blocks after reopening: %v", got)
	}
	if held, err := newPins(t, second).Has(t.Context(), pinOf(tr.root, 0)); err != nil || !held {
		t.Errorf("pin after reopening: %v, %v", held, err)
	}
}

func TestSettingsAreMadeAnewAtEveryStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ipfs")
	set := func(conf *kuboconfig.Config) error {
		conf.Pubsub.Enabled = kuboconfig.True
		conf.Gateway.RootRedirect = "/ipfs/x"
		return nil
	}
	node := openNode(t, dir, set)
	if conf := nodeSettings(t, node); conf.Gateway.RootRedirect != "/ipfs/x" || node.PubSub == nil {
		t.Errorf("settings are not applied: redirect %q, pubsub %v", conf.Gateway.RootRedirect, node.PubSub)
	}
	closeNode(t, node)

	node = openNode(t, dir)
	if conf := nodeSettings(t, node); conf.Gateway.RootRedirect != "" || node.PubSub != nil {
		t.Errorf("removed settings live on: redirect %q, pubsub %v", conf.Gateway.RootRedirect, node.PubSub)
	}
}

func TestUnchangedConfigFileIsLeftAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ipfs")
	file := filepath.Join(dir, "config")
	closeNode(t, openNode(t, dir))
	long := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := os.Chtimes(file, long, long); err != nil {
		t.Fatal(err)
	}
	closeNode(t, openNode(t, dir))
	if info, err := os.Stat(file); err != nil || !info.ModTime().Equal(long) {
		t.Errorf("the file was written again: %v, %v", info, err)
	}
	closeNode(t, openNode(t, dir, func(conf *kuboconfig.Config) error { conf.Gateway.NoFetch = true; return nil }))
	if info, err := os.Stat(file); err != nil || info.ModTime().Equal(long) {
		t.Errorf("the file was not written although a setting changed: %v, %v", info, err)
	}
}

func TestPrivateNodeKnowsNobody(t *testing.T) {
	node := newNode(t)
	conf := nodeSettings(t, node)
	if len(conf.Bootstrap) > 0 || len(conf.Routing.DelegatedRouters) > 0 || len(conf.DNS.Resolvers) > 0 {
		t.Errorf("bootstrap %v, routers %v, resolvers %v", conf.Bootstrap, conf.Routing.DelegatedRouters, conf.DNS.Resolvers)
	}
	if conf.AutoConf.Enabled.WithDefault(true) || conf.Provide.Enabled.WithDefault(true) || conf.Discovery.MDNS.Enabled {
		t.Errorf("autoconf %v, provide %v, mdns %v", conf.AutoConf.Enabled, conf.Provide.Enabled, conf.Discovery.MDNS.Enabled)
	}
	if peers := node.PeerHost.Network().Peers(); len(peers) > 0 {
		t.Errorf("the node is connected to %v", peers)
	}
	if !node.IsOnline || !node.IsDaemon {
		t.Error("the node is not online")
	}
}

func TestPublicNodeKeepsKubosDefaults(t *testing.T) {
	conf, err := nodeConfig(kuboconfig.Identity{PeerID: "x", PrivKey: "y"}, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(conf.Bootstrap) == 0 || conf.Routing.Type.WithDefault("auto") != "auto" {
		t.Errorf("bootstrap %v, routing %v", conf.Bootstrap, conf.Routing.Type)
	}
	if conf.Addresses.API != nil || conf.Addresses.Gateway != nil || conf.Discovery.MDNS.Enabled {
		t.Error("kubo's own listeners or local discovery are on")
	}
}

func TestBlocksAreKeptInAStoreOfTheirOwn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ipfs")
	node := openNode(t, dir)
	mounts, _ := nodeSettings(t, node).Datastore.Spec["mounts"].([]any)
	if len(mounts) != 2 {
		t.Fatalf("datastore mounts: %v", mounts)
	}
	for _, size := range []int{9, 100_000} {
		block := merkledag.NewRawNode(make([]byte, size))
		if err := node.DAG.Add(t.Context(), block); err != nil {
			t.Fatal(err)
		}
		if !stored(t, node, block.Cid())[0] {
			t.Errorf("the block of %d bytes is not here", size)
		}
	}
	if n := countFiles(t, filepath.Join(dir, "blocks"), ".data"); n > 0 {
		t.Errorf("%d blocks are files of their own", n)
	}
	if n := countFiles(t, filepath.Join(dir, "underlay-blocks"), ".blocks"); n != 1 {
		t.Errorf("the large block is in %d files", n)
	}
	if n := countFiles(t, filepath.Join(dir, "datastore"), ".log"); n == 0 {
		t.Error("no Pebble log beside the blocks")
	}
}

// A repository of a build that kept every block in flatfs is opened as it is, and all that is done with blocks finds them.
func TestRepositoryOfAnEarlierBuild(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ipfs")
	old := openNode(t, dir, func(conf *kuboconfig.Config) error {
		conf.Datastore.Spec = map[string]any{"type": "mount", "mounts": []any{
			map[string]any{
				"mountpoint": "/blocks", "type": "flatfs", "prefix": "flatfs.datastore",
				"path": "blocks", "sync": true, "shardFunc": "/repo/flatfs/shard/v1/next-to-last/2",
			},
			map[string]any{"mountpoint": "/", "type": "pebbleds", "prefix": "pebble.datastore", "path": "datastore"},
		}}
		return nil
	})
	tr := addTree(t, old, "old")
	closeNode(t, old)

	node := openNode(t, dir)
	if got := stored(t, node, tr.root.Cid(), tr.left.Cid(), tr.right.Cid()); !got[0] || !got[1] || !got[2] {
		t.Fatalf("blocks found: %v", got)
	}
	fresh := addTree(t, node, "fresh")
	if err := node.DAG.AddMany(t.Context(), tr.nodes()); err != nil { // again
		t.Fatal(err)
	}
	listed := make(map[string]int)
	keys, err := node.Blockstore.AllKeysChan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for c := range keys {
		listed[string(c.Hash())]++
	}
	for _, n := range append(tr.nodes(), fresh.nodes()...) {
		if listed[string(n.Cid().Hash())] != 1 {
			t.Errorf("block %s is listed %d times", n.Cid(), listed[string(n.Cid().Hash())])
		}
	}
	conn := NewConnector(node, newPins(t, node), dir)
	if _, err := conn.RepoGC(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := append(tr.nodes(), fresh.nodes()...)
	for _, n := range all {
		if stored(t, node, n.Cid())[0] {
			t.Errorf("block %s is here after a collection, and nobody pins it", n.Cid())
		}
	}
}

func countFiles(t testing.TB, dir, suffix string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, suffix) {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOpenRefusesWhatItCannotUse(t *testing.T) {
	t.Run("settings that fail make no repository", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "ipfs")
		fault := errors.New("bad setting")
		_, err := Open(t.Context(), Options{Dir: dir, Configure: func(*kuboconfig.Config) error { return fault }})
		if !errors.Is(err, fault) {
			t.Errorf("error is %v", err)
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the repository exists: %v", err)
		}
	})
	t.Run("unknown routing, mended later", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "ipfs")
		_, err := Open(t.Context(), Options{Dir: dir, Configure: func(conf *kuboconfig.Config) error {
			conf.Routing.Type = kuboconfig.NewOptionalString("pigeon")
			return onLoopback(conf)
		}})
		if err == nil || !strings.Contains(err.Error(), "ipfs.Routing.Type") || !strings.Contains(err.Error(), "pigeon") {
			t.Errorf("error is %v", err)
		}
		openNode(t, dir) // the repository was given back
	})
	t.Run("damaged config file", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "ipfs")
		closeNode(t, openNode(t, dir))
		file := filepath.Join(dir, "config")
		if err := os.WriteFile(file, []byte("{ not JSON"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), Options{Dir: dir, Configure: onLoopback})
		if err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("error is %v, which does not name %s", err, file)
		}
	})
}

func TestRoutingOptions(t *testing.T) {
	for _, r := range []struct {
		kind  string
		known bool
	}{
		{"auto", true}, {"default", true}, {"", true}, {"autoclient", true}, {"dhtclient", true}, {"dht", true},
		{"dhtserver", true}, {"none", true}, {"delegated", true}, {"custom", true}, {"None", false}, {"pigeon", false},
	} {
		t.Run(r.kind, func(t *testing.T) {
			conf := &kuboconfig.Config{}
			conf.Routing.Type = kuboconfig.NewOptionalString(r.kind)
			option, err := routingOption(conf)
			if (err == nil) != r.known || (option != nil) != r.known {
				t.Errorf("option %t, error %v, want known %t", option != nil, err, r.known)
			}
		})
	}
}
