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
