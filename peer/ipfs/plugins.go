package ipfs

import (
	"fmt"
	"sync"

	logging "github.com/ipfs/go-log/v2"
	mprome "github.com/ipfs/go-metrics-prometheus"
	"github.com/ipfs/kubo/core"
	"github.com/ipfs/kubo/plugin/loader"
	"github.com/ipfs/kubo/repo/fsrepo"
)

// noRepo is where kubo finds no plugins and no denylists of a repository: they would be those of the whole process. Without a
// name it would look into the working directory.
const noRepo = "/nonexistent"

// loadPlugins registers kubo's datastores and codecs, our datastore of blocks, our parts in place of kubo's, and the metrics of
// its libraries, which is to be done once in a process however many nodes it runs, and keeps the libraries' loggers to errors.
var loadPlugins = sync.OnceValue(func() error {
	logging.SetAllLoggers(logging.LevelError)
	// These log what they also return, which then shows twice.
	for _, name := range []string{"cluster", "config", "p2p-config", "core"} {
		if err := logging.SetLogLevel(name, "fatal"); err != nil {
			return fmt.Errorf("quiet the logger %s: %w", name, err)
		}
	}
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
	if err := mprome.Inject(); err != nil {
		return fmt.Errorf("register the metrics of kubo's libraries: %w", err)
	}
	return nil
})
