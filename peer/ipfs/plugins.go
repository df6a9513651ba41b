package ipfs

import (
	"fmt"
	"sync"

	"github.com/ipfs/kubo/core"
	"github.com/ipfs/kubo/plugin/loader"
	"github.com/ipfs/kubo/repo/fsrepo"
)

// noRepo is where kubo finds no plugins and no denylists of a repository: they would be those of the whole process. Without a
// name it would look into the working directory.
const noRepo = "/nonexistent"

// loadPlugins registers kubo's datastores and codecs, our datastore of blocks, and our parts in place of kubo's, which is
// to be done once in a process however many nodes it runs.
var loadPlugins = sync.OnceValue(func() error {
	plugins, err := loader.NewPluginLoader(noRepo)
	if err != nil {
		return fmt.Errorf("load kubo's plugins: %w", err)
	}
	if err := plugins.Initialize(); err != nil {
		return fmt.Errorf("initialize kubo's plugins: %w", err)
	}
	if err := plugins.Inject(); err != nil {
		return fmt.Errorf("register kubo's plugins: %w", err)
	}
	if err := fsrepo.AddDatastoreConfigHandler(blockStoreType, blockStoreConfig); err != nil {
		return fmt.Errorf("register the datastore of blocks: %w", err)
	}
	core.RegisterFXOptionFunc(replaceParts)
	return nil
})
