package settings

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/kubo/repo"

	kuboconfig "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/seal"
)

func (r *peerRig) wantValue(want any, path ...string) {
	r.t.Helper()
	if got := r.read(path...); !reflect.DeepEqual(got, want) {
		r.t.Errorf("%s is %v, want %v", strings.Join(path, "."), got, want)
	}
}

func (r *peerRig) sync() {
	r.t.Helper()
	if err := r.Sync(r.t.Context()); err != nil {
		r.t.Fatalf("sync: %v", err)
	}
}

func TestChangeIsInForceOnAllPeers(t *testing.T) {
	cluster := newFakeCluster()
	a, b := newPeer(t, cluster, t.TempDir(), nil), newPeer(t, cluster, t.TempDir(), nil)
	if err := a.set("Pubsub.Router", "floodsub"); err != nil {
		t.Fatal(err)
	}
	a.wantValue("floodsub", "Pubsub", "Router")
	b.wantValue("", "Pubsub", "Router")
	b.sync()
	b.wantValue("floodsub", "Pubsub", "Router")

	// What one has set, the other sets back.
	if err := b.set("Pubsub.Router", ""); err != nil {
		t.Fatal(err)
	}
	a.sync()
	a.wantValue("", "Pubsub", "Router")
	if got := len(cluster.list()); got != 2 {
		t.Errorf("%d values for one setting and the version", got)
	}
}

func TestNothingToChangeCommitsNothing(t *testing.T) {
	cluster := newFakeCluster()
	a := newPeer(t, cluster, t.TempDir(), nil)
	changed, err := a.Change(t.Context(), onRepo(t, func(r repo.Repo) error { return r.SetConfigKey("Pubsub.Router", "") }))
	if changed || err != nil || len(cluster.list()) > 0 {
		t.Errorf("changed: %v, %v, values %v", changed, err, cluster.list())
	}
	changed, err = a.Change(t.Context(), onRepo(t, func(r repo.Repo) error {
		return errors.Join(r.SetConfigKey("Pubsub.Router", "floodsub"), errors.New("the command fails"))
	}))
	if changed || err != nil || len(cluster.list()) > 0 {
		t.Errorf("a command that failed has changed: %v, %v, values %v", changed, err, cluster.list())
	}
	if _, err := os.Stat(a.o.Scratch); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the scratch repository is still there: %v", err)
	}
}

func TestSettingsAreInForceAtTheNextStart(t *testing.T) {
	dir, cluster := t.TempDir(), newFakeCluster()
	a := newPeer(t, cluster, dir, nil)
	if err := a.set("Import.CidVersion", 1); err != nil {
		t.Fatal(err)
	}
	// The cluster is not there yet.
	cluster.breakWith(consensus.ErrNoLeader)
	again := newPeer(t, cluster, dir, nil)
	again.wantValue(1.0, "Import", "CidVersion")
	if err := again.Sync(t.Context()); !errors.Is(err, consensus.ErrNoLeader) {
		t.Errorf("a read without a leader: %v", err)
	}
	if err := again.Sync(consensus.WithStale(t.Context())); err != nil {
		t.Errorf("a stale read without a leader: %v", err)
	}
}

// Kubo's own code leaves a removed service in the file, so it would be back after a restart.
func TestRemovedServiceIsGone(t *testing.T) {
	cluster := newFakeCluster()
	a, b := newPeer(t, cluster, t.TempDir(), nil), newPeer(t, cluster, t.TempDir(), nil)
	add := func(r repo.Repo) error {
		conf, err := r.Config()
		if err != nil {
			return err
		}
		conf.Pinning.RemoteServices = map[string]kuboconfig.RemotePinningService{"a.b/c": {API: kuboconfig.RemotePinningServiceAPI{Key: "secret-key"}}}
		return r.SetConfig(conf)
	}
	remove := func(r repo.Repo) error {
		conf, err := r.Config()
		if err != nil {
			return err
		}
		delete(conf.Pinning.RemoteServices, "a.b/c")
		return r.SetConfig(conf)
	}
	if changed, err := a.Change(t.Context(), onRepo(t, add)); !changed || err != nil {
		t.Fatalf("add: %v, %v", changed, err)
	}
	b.sync()
	b.wantValue("secret-key", "Pinning", "RemoteServices", "a.b/c", "API", "Key")
	for _, v := range cluster.list() {
		if strings.Contains(string(v.Data), "secret-key") {
			t.Errorf("value %s has the key in the clear", v.Key)
		}
	}
	if changed, err := b.Change(t.Context(), onRepo(t, remove)); !changed || err != nil {
		t.Fatalf("remove: %v, %v", changed, err)
	}
	a.sync()
	for _, p := range []*peerRig{a, b} {
		p.wantValue(Tree{}, "Pinning", "RemoteServices")
	}
}

func TestRefusedChangesChangeNothing(t *testing.T) {
	own := func(conf *kuboconfig.Config) error {
		conf.Pubsub.SeenMessagesStrategy = kuboconfig.NewOptionalString("first-seen")
		conf.Bootstrap = []string{"/ip4/192.0.2.1/tcp/1/p2p/" + "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"}
		if conf.Routing.Type.WithDefault("") == "fatal" {
			return errors.New("ipfs.Routing.Type: must be something else")
		}
		return nil
	}
	const perPeer, ours, fatal = "is each peer's own", "own configuration", "no node could start with this"
	for _, tt := range []struct {
		key   string
		value any
		want  string
	}{
		{"Identity.PeerID", "x", "Identity.PeerID " + perPeer},
		{"Addresses.Swarm", []any{"/ip4/127.0.0.1/tcp/1"}, "Addresses.Swarm " + perPeer},
		{"Addresses", Tree{}, "Addresses.API " + perPeer},
		{"Datastore.Spec.path", "elsewhere", "Datastore.Spec.path " + perPeer},
		{"Datastore.Spec", nil, "Datastore.Spec " + perPeer},
		{"Datastore", nil, "Datastore.Spec " + perPeer},
		{"Mounts.IPFS", "/mnt", "Mounts.IPFS " + perPeer},
		{"Pubsub.SeenMessagesStrategy", "last-seen", "Pubsub.SeenMessagesStrategy is set by this peer's " + ours},
		{"Pubsub", Tree{"Router": "floodsub"}, "Pubsub.SeenMessagesStrategy is set by this peer's " + ours},
		{"Bootstrap", []any{}, "Bootstrap is set by this peer's " + ours},
		{"Routing.Type", "fatal", fatal + ": ipfs.Routing.Type: must be something else"},
		{"Pubsub", Tree{"SeenMessagesStrategy": "first-seen", "seenmessagesstrategy": "last-seen"}, fatal},
		{"Datastore", Tree{"Spec": Tree{"type": "measure"}, "spec": Tree{"type": "mem"}}, fatal},
	} {
		t.Run(tt.key, func(t *testing.T) {
			cluster := newFakeCluster()
			a := newPeer(t, cluster, t.TempDir(), own)
			before, err := os.ReadFile(a.file())
			if err != nil {
				t.Fatal(err)
			}
			err = a.set(tt.key, tt.value)
			var status interface{ HTTPStatus() int }
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || !errors.As(err, &status) || status.HTTPStatus() != http.StatusForbidden {
				t.Errorf("error is %v, want %q", err, tt.want)
			}
			after, err := os.ReadFile(a.file())
			if err != nil || string(after) != string(before) || len(cluster.list()) > 0 {
				t.Errorf("something has changed: error %v, values %v", err, cluster.list())
			}
		})
	}
}

func TestPrivateNodeStaysPrivate(t *testing.T) {
	base := Tree{"Routing": Tree{"Type": "dht", "Methods": nil}, "Bootstrap": []any{}}
	l := layers{base: base}
	asked := Apply(base, []Change{{Path: Path{"Routing", "Type"}, Value: "auto"}, {Path: Path{"Bootstrap"}, Value: []any{"x"}}})
	for public, want := range map[bool]string{true: "<nil>", false: "Routing.Type keeps the node out of the public network"} {
		l.public = public
		next := Apply(base, Diff(base, asked))
		next = Apply(next, carry(next, l.base, l.firm()))
		if err := l.refuse(Diff(base, asked), asked, next); !strings.HasPrefix(fmt.Sprint(err), want) {
			t.Errorf("public %v: %v", public, err)
		}
	}
}

// Peers whose own configurations differ stay different in what those say, and only there.
func TestOwnConfigurationStaysOnTop(t *testing.T) {
	cluster := newFakeCluster()
	a := newPeer(t, cluster, t.TempDir(), nil)
	b := newPeer(t, cluster, t.TempDir(), func(conf *kuboconfig.Config) error {
		conf.Pubsub.Router = "gossipsub"
		return nil
	})
	if err := a.set("Pubsub", Tree{"Router": "floodsub", "DisableSigning": true}); err != nil {
		t.Fatal(err)
	}
	b.sync()
	a.wantValue(Tree{"Router": "floodsub", "DisableSigning": true}, "Pubsub")
	b.wantValue(Tree{"Router": "gossipsub", "DisableSigning": true}, "Pubsub")
}

func TestConcurrentChangesAreAllMade(t *testing.T) {
	const each = 10
	cluster := newFakeCluster()
	var peers []*peerRig
	for range 3 {
		peers = append(peers, newPeer(t, cluster, t.TempDir(), nil))
	}
	var running sync.WaitGroup
	for i, p := range peers {
		running.Go(func() {
			for n := range each {
				entry := fmt.Sprintf("%d-%d", i, n)
				_, err := p.Change(t.Context(), onRepo(t, func(r repo.Repo) error { // as `bootstrap add`
					conf, err := r.Config()
					if err != nil {
						return err
					}
					conf.Bootstrap = append(conf.Bootstrap, entry)
					return r.SetConfig(conf)
				}))
				if err != nil {
					t.Errorf("change %s: %v", entry, err)
				}
			}
		})
	}
	running.Wait()
	for _, p := range peers {
		p.sync()
		list, _ := p.read("Bootstrap").([]any)
		if got := len(list) - len(p.conf.Bootstrap); got != len(peers)*each {
			t.Errorf("%d of %d changes are there", got, len(peers)*each)
		}
	}
}

func TestFailedCommitChangesNothing(t *testing.T) {
	cluster := newFakeCluster()
	a := newPeer(t, cluster, t.TempDir(), nil)
	cluster.before = func() { cluster.breakWith(consensus.ErrUnknownOutcome) }
	if err := a.set("Pubsub.Router", "floodsub"); !errors.Is(err, consensus.ErrUnknownOutcome) {
		t.Errorf("error is %v", err)
	}
	a.wantValue("", "Pubsub", "Router")
}

func TestServeFollows(t *testing.T) {
	cluster := newFakeCluster()
	a, b := newPeer(t, cluster, t.TempDir(), nil), newPeer(t, cluster, t.TempDir(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- b.Serve(ctx) }()
	if err := a.set("Pubsub.Router", "floodsub"); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(20 * time.Second)
	for tick := time.NewTicker(5 * time.Millisecond); b.read("Pubsub", "Router") != "floodsub"; {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the change does not come")
		}
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
}

// What cannot be in force must not keep a peer from its work: this one, and the next two.
func TestSettingSealedWithAnotherSecretIsLeftOut(t *testing.T) {
	dir, cluster := t.TempDir(), newFakeCluster()
	a := newPeer(t, cluster, dir, nil)
	if err := a.set("Pubsub.Router", "floodsub"); err != nil {
		t.Fatal(err)
	}
	other, err := seal.New([]byte("another secret of the cluster"))
	if err != nil {
		t.Fatal(err)
	}
	over := overlay{revision: cluster.index}
	ops, err := over.ops([]Change{{Path: Path{"Pubsub", "DisableSigning"}, Value: true}}, other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.CommitAtomic(t.Context(), ops...); err != nil {
		t.Fatal(err)
	}
	a.sync()
	a.wantValue(false, "Pubsub", "DisableSigning")
	a.wantValue("floodsub", "Pubsub", "Router")
	if !strings.Contains(a.log.String(), "Pubsub.DisableSigning") {
		t.Errorf("the log says %s", &a.log)
	}
	if again := newPeer(t, cluster, dir, nil); again.read("Pubsub", "Router") != "floodsub" {
		t.Error("the others are not in force after a restart")
	}
}

func TestSettingsAgainstThePeersOwnConfigurationAreLeftOut(t *testing.T) {
	dir, cluster := t.TempDir(), newFakeCluster()
	if err := newPeer(t, cluster, dir, nil).set("Pubsub.Router", "floodsub"); err != nil {
		t.Fatal(err)
	}
	again := newPeer(t, cluster, dir, func(conf *kuboconfig.Config) error {
		if conf.Pubsub.Router == "floodsub" {
			return errors.New("does not go with it")
		}
		return nil
	})
	again.wantValue("", "Pubsub", "Router")
	if !strings.Contains(again.log.String(), "does not go with it") {
		t.Errorf("the log says %s", &again.log)
	}
}

func TestDamagedFileKeepsNoPeerFromItsWork(t *testing.T) {
	dir, cluster := t.TempDir(), newFakeCluster()
	if err := newPeer(t, cluster, dir, nil).set("Pubsub.Router", "floodsub"); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "settings.json")
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	again := newPeer(t, cluster, dir, nil)
	again.wantValue("", "Pubsub", "Router")
	if !strings.Contains(again.log.String(), file) {
		t.Errorf("the log says %s", &again.log)
	}
	again.sync()
	again.wantValue("floodsub", "Pubsub", "Router")
}
