// Package ipfstest opens real nodes for the tests of other packages.
package ipfstest

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/ipfs/kubo/core"

	kuboconfig "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/peer/ipfs"
)

// New opens a node off every network but loopback, and closes it at the end of the test.
func New(t testing.TB) *core.IpfsNode {
	t.Helper()
	return Open(t, filepath.Join(t.TempDir(), "ipfs"))
}

// Open is New with a repository, and with changes of the node's configuration.
func Open(t testing.TB, dir string, configure ...func(*kuboconfig.Config) error) *core.IpfsNode {
	t.Helper()
	node, err := ipfs.Open(context.Background(), ipfs.Options{
		Dir: dir, CloseTimeout: 10 * time.Second,
		Configure: func(conf *kuboconfig.Config) (err error) {
			conf.Addresses.Swarm = []string{"/ip4/127.0.0.1/tcp/0"}
			for _, f := range configure {
				err = errors.Join(err, f(conf))
			}
			return err
		},
	})
	if err != nil {
		t.Fatalf("open node: %v", err)
	}
	t.Cleanup(func() {
		if err := ipfs.Close(node); err != nil {
			t.Errorf("close node: %v", err)
		}
	})
	return node
}
