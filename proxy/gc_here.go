package proxy

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/kubo/core"
)

// Collector is what a collection needs of the peer.
type Collector interface {
	// DropUnwanted takes the local pins away that the pinset, as of now, does not want on this peer.
	DropUnwanted(ctx context.Context) error
}

// collectPatience is how long a collection waits for uploads and pins that run.
const collectPatience = time.Minute

// collectHere is repo/gc on this peer's node. It removes what was unpinned anywhere before.
func collectHere(k kubo, o RPCOptions, patience time.Duration) http.Handler {
	return withAcks(k.onNodeOf(func(r *http.Request) (*core.IpfsNode, error) {
		err := o.Collect.DropUnwanted(r.Context())
		if err == nil {
			err = awaitUploads(r.Context(), o.Node.Blockstore, patience)
		}
		return o.Node, noteFailure(r.Context(), err)
	}))
}

// awaitUploads waits until what runs now and holds the pin lock is done with it. A collection would wait for that without
// end, and those of the other peers behind it.
func awaitUploads(ctx context.Context, locker blockstore.GCLocker, patience time.Duration) error {
	free := make(chan struct{})
	go func() { // a lock that is waited for cannot be given up: it is let go as soon as it is there
		defer close(free)
		locker.GCLock(context.WithoutCancel(ctx)).Unlock(ctx)
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-free:
		return nil
	case <-timer.C:
		return withStatus(http.StatusServiceUnavailable, fmt.Errorf("an upload or a pin has been running for %s; try again when it is done", patience))
	case <-ctx.Done():
		return ctx.Err()
	}
}
