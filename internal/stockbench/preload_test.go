package stockbench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	pinner "github.com/ipfs/boxo/pinning/pinner"
	"github.com/ipfs/boxo/pinning/pinner/dspinner"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/kubo/plugin/loader"
	"github.com/ipfs/kubo/repo/fsrepo"
)

// loadPlugins registers kubo's datastores in this process, which must happen once.
func loadPlugins(b *testing.B) {
	b.Helper()
	plugins, err := loader.NewPluginLoader("")
	if err != nil {
		b.Fatal(err)
	}
	if err := errors.Join(plugins.Initialize(), plugins.Inject()); err != nil {
		b.Fatal(err)
	}
}

// pinOffline pins the CIDs in the repository of a stopped kubo, by kubo's own pinner but with one sync for all of
// them. Through the API the stock stack would take hours for a million.
func pinOffline(b *testing.B, repo string, cids []string) {
	b.Helper()
	if len(cids) == 0 {
		return
	}
	r, err := fsrepo.Open(repo)
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}()
	ctx := context.Background()
	pins, err := dspinner.New(ctx, r.Datastore(), nil) // without a DAG service: nothing is fetched
	if err != nil {
		b.Fatal(err)
	}
	pins.SetAutosync(false)
	for _, s := range cids {
		c, err := cid.Decode(s)
		if err == nil {
			err = pins.PinWithMode(ctx, c, pinner.Recursive, "")
		}
		if err != nil {
			b.Fatalf("pin %s offline: %v", s, err)
		}
	}
	if err := errors.Join(pins.Flush(ctx), pins.Close()); err != nil {
		b.Fatal(err)
	}
}

// copyPins gives a stopped kubo the pins of another, whose datastore has nothing else yet.
func copyPins(b *testing.B, from, to string) {
	b.Helper()
	const store = "ipfs/datastore"
	if err := os.RemoveAll(filepath.Join(to, store)); err != nil {
		b.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(to, store), os.DirFS(filepath.Join(from, store))); err != nil {
		b.Fatal(fmt.Errorf("copy pins: %w", err))
	}
}

// memoryDir is a temporary directory in memory, where there is such a file system.
func memoryDir(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "stockbench-")
	if err != nil {
		return b.TempDir()
	}
	b.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			b.Error(err)
		}
	})
	return dir
}

// writeState writes the CIDs as the stock cluster exports its pinset, and returns the file's name.
func writeState(b *testing.B, cids []string) string {
	b.Helper()
	name := filepath.Join(b.TempDir(), "state.json")
	file, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	out := bufio.NewWriter(file)
	enc := json.NewEncoder(out)
	now := time.Now()
	for _, s := range cids {
		c, err := api.DecodeCid(s)
		if err != nil {
			b.Fatal(err)
		}
		pin := api.PinWithOpts(c, api.PinOptions{ReplicationFactorMin: -1, ReplicationFactorMax: -1})
		pin.Timestamp = now
		if err := enc.Encode(pin); err != nil {
			b.Fatal(fmt.Errorf("write state: %w", err))
		}
	}
	if err := errors.Join(out.Flush(), file.Close()); err != nil {
		b.Fatal(err)
	}
	return name
}
