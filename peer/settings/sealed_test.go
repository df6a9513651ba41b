package settings

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/kubo/repo"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"

	kuboconfig "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/consensus"
)

// No secret is in the clear in log, state or snapshots of the real consensus, or where a peer keeps what is in force.
func TestNoSecretIsStoredInTheClear(t *testing.T) {
	const secret = "the-key-of-a-pinning-service"
	host, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"))
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	dir := t.TempDir()
	c, err := consensus.Open(consensus.Options{
		Dir: filepath.Join(dir, "cluster"), Host: host, SnapshotEntries: 8, TrailingEntries: 100, SnapshotInterval: 20 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Bootstrap([]peer.ID{host.ID()}); err != nil {
		t.Fatal(err)
	}
	<-c.Ready(t.Context())
	a := newPeer(t, c, filepath.Join(dir, "peer"), nil)
	changed, err := a.Change(t.Context(), onRepo(t, func(r repo.Repo) error {
		conf, err := r.Config()
		if err != nil {
			return err
		}
		conf.Pinning.RemoteServices = map[string]kuboconfig.RemotePinningService{"here": {API: kuboconfig.RemotePinningServiceAPI{Key: secret}}}
		return r.SetConfig(conf)
	}))
	if !changed || err != nil {
		t.Fatalf("changed: %v, %v", changed, err)
	}
	for n := range 16 {
		if err := a.set("Gateway.RootRedirect", fmt.Sprint("/ipfs/", n)); err != nil {
			t.Fatal(err)
		}
	}
	a.wantValue(secret, "Pinning", "RemoteServices", "here", "API", "Key")
	awaitSnapshot(t, filepath.Join(dir, "cluster", "snapshots"))
	if err := c.Close(); err != nil { // brings the state to the disk
		t.Fatal(err)
	}
	files := filesWith(t, dir, secret)
	if len(files) != 1 || files[0] != a.file() {
		t.Errorf("the secret is in %q, and shall be in %s only", files, a.file())
	}
	// What is searched is what is there: the names of settings are not sealed.
	for _, part := range []string{"log", "state", "snapshots"} {
		if len(filesWith(t, filepath.Join(dir, "cluster", part), "RemoteServices")) == 0 {
			t.Errorf("no setting is found in %s", part)
		}
	}
}

func awaitSnapshot(t *testing.T, dir string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		if len(filesWith(t, dir, "RemoteServices")) > 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("there is no snapshot")
		}
	}
}

// filesWith lists the files below a directory that contain a text.
func filesWith(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) { // it was renamed meanwhile
			return nil
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(raw), text) {
			found = append(found, path)
		}
		if os.IsNotExist(err) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
