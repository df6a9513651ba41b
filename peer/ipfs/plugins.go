package ipfs

import (
	"fmt"
	"sync"

	logging "github.com/ipfs/go-log/v2"
	"github.com/ipfs/kubo/plugin/loader"
)

// loadPlugins registers kubo's datastores and codecs, which is to be done once in a process however many nodes it runs,
// and keeps kubo's loggers to errors.
var loadPlugins = sync.OnceValue(func() error {
	logging.SetAllLoggers(logging.LevelError)
	plugins, err := loader.NewPluginLoader("")
	if err != nil {
		return fmt.Errorf("load kubo's plugins: %w", err)
	}
	if err := plugins.Initialize(); err != nil {
		return fmt.Errorf("initialize kubo's plugins: %w", err)
	}
	if err := plugins.Inject(); err != nil {
		return fmt.Errorf("register kubo's plugins: %w", err)
	}
	return nil
})
