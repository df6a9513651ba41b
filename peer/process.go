package peer

import (
	"fmt"
	"math"
	"sync"

	ipfscluster "github.com/ipfs-cluster/ipfs-cluster"
	logging "github.com/ipfs/go-log/v2"
	"github.com/ipfs/kubo/plugin/loader"
)

// prepareProcess does what the embedded libraries want done once in a process, however many peers it runs: register
// kubo's datastores and codecs, and quiet their loggers.
//
// The orchestrator gives up by shutting itself down from its own goroutine, which deadlocks, when consensus is not
// ready in time; a peer may wait for its cluster as long as it takes, so that time-out is switched off.
var prepareProcess = sync.OnceValue(func() error {
	ipfscluster.ReadyTimeout = math.MaxInt64
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
