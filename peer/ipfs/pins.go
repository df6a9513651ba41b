package ipfs

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/boxo/ipld/merkledag"
	pinner "github.com/ipfs/boxo/pinning/pinner"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/kubo/core"
	"github.com/libp2p/go-libp2p/core/peer"
)

// ErrNoProgress reports a fetch in which no block arrived for a while.
var ErrNoProgress = errors.New("no peer sends the missing blocks")

// stallTimeout is how long a fetch may go without a new block. It may hold the node's pin lock, behind which a garbage
// collection waits, so it must end.
const stallTimeout = time.Minute

// GiveUpWhenStalled is the ordinary way to watch a fetch: it ends one that gets no block for a minute.
func GiveUpWhenStalled(idle time.Duration) error {
	if idle > stallTimeout {
		return fmt.Errorf("%w: none for %s", ErrNoProgress, stallTimeout)
	}
	return nil
}

// Pins are the pins of the embedded node: what garbage collection spares. The pinset decides what they should be; the
// reconciler and the API's pinner make them so.
//
// Lock order: the node's pin lock first, then a CID's lock.
type Pins struct {
	node  *core.IpfsNode
	seed  maphash.Seed
	locks [256]sync.Mutex

	synced groupSync
}

// NewPins wraps the node's own pinner, which from then on syncs only when told to: all that is pinned and unpinned at the
// same time shares one sync.
func NewPins(node *core.IpfsNode) *Pins {
	p := &Pins{node: node, seed: maphash.MakeSeed()}
	p.synced.sync = func() error { return node.Pinning.Flush(context.Background()) }
	if auto, ok := node.Pinning.(interface{ SetAutosync(bool) bool }); ok {
		auto.SetAutosync(false)
	}
	return p
}

// Lock excludes everybody else who decides about this CID's local pin, and returns the unlock.
func (p *Pins) Lock(c cid.Cid) (unlock func()) {
	m := &p.locks[maphash.String(p.seed, c.KeyString())%uint64(len(p.locks))]
	m.Lock()
	return m.Unlock
}

// Status tells how the node pins c itself: recursively, directly or not; indirect pins do not count.
func (p *Pins) Status(ctx context.Context, c cid.Cid) (api.IPFSPinStatus, error) {
	for mode, status := range map[pinner.Mode]api.IPFSPinStatus{
		pinner.Recursive: api.IPFSPinStatusRecursive,
		pinner.Direct:    api.IPFSPinStatusDirect,
	} {
		_, is, err := p.node.Pinning.IsPinnedWithType(ctx, c, mode)
		if err != nil {
			return api.IPFSPinStatusError, fmt.Errorf("look up local pin of %s: %w", c, err)
		}
		if is {
			return status, nil
		}
	}
	return api.IPFSPinStatusUnpinned, nil
}

// Has tells whether the node pins what the pin asks for.
func (p *Pins) Has(ctx context.Context, pin api.Pin) (bool, error) {
	status, err := p.Status(ctx, pin.Cid.Cid)
	return err == nil && status == wantedStatus(pin), err
}

func wantedStatus(pin api.Pin) api.IPFSPinStatus {
	if pin.MaxDepth == 0 {
		return api.IPFSPinStatusDirect
	}
	return api.IPFSPinStatusRecursive
}

// Fetch brings the pin's blocks to this node: all of the DAG, or one block for a direct pin. Once a second watch is told
// how long no new block has come, and may end the fetch with an error. The caller holds the node's pin lock, unless it
// checks again later that all blocks are here, and may read progress meanwhile.
func (p *Pins) Fetch(ctx context.Context, pin api.Pin, progress *merkledag.ProgressTracker, watch func(idle time.Duration) error) error {
	p.dialOrigins(ctx, pin.Origins)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ctx = progress.DeriveContext(ctx)

	watched := make(chan struct{})
	go func() {
		defer close(watched)
		watchProgress(ctx, cancel, progress, watch)
	}()
	var err error
	if pin.MaxDepth == 0 {
		_, err = p.node.DAG.Get(ctx, pin.Cid.Cid)
	} else {
		err = merkledag.FetchGraph(ctx, pin.Cid.Cid, p.node.DAG)
	}
	if err != nil && context.Cause(ctx) != nil {
		err = context.Cause(ctx)
	}
	cancel(nil)
	<-watched
	if err != nil {
		return fmt.Errorf("fetch %s: %w", pin.Cid, err)
	}
	return nil
}

func watchProgress(ctx context.Context, cancel context.CancelCauseFunc, progress *merkledag.ProgressTracker, watch func(time.Duration) error) {
	seen, since := progress.Value(), time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if now := progress.Value(); now != seen {
				seen, since = now, time.Now()
			}
			if err := watch(time.Since(since)); err != nil {
				cancel(err)
				return
			}
		}
	}
}

// dialOrigins connects to the places that the pin's user knows to have the content; a failure only costs speed.
func (p *Pins) dialOrigins(ctx context.Context, origins []api.Multiaddr) {
	for _, origin := range origins {
		if info, err := peer.AddrInfoFromP2pAddr(origin.Value()); err == nil {
			_ = p.node.PeerHost.Connect(ctx, *info)
		}
	}
}

// Pin pins blocks that are already here. The caller holds the pin lock and the CID's lock.
func (p *Pins) Pin(ctx context.Context, pin api.Pin) error {
	status, err := p.Status(ctx, pin.Cid.Cid)
	if err != nil {
		return err
	}
	mode := pinner.Recursive
	switch wanted := wantedStatus(pin); {
	case status == wanted:
		return nil
	case wanted == api.IPFSPinStatusDirect:
		mode = pinner.Direct
		if status == api.IPFSPinStatusRecursive { // kubo's pinner refuses to turn one into the other
			if err := p.Unpin(ctx, pin.Cid.Cid); err != nil {
				return err
			}
		}
	}
	if err := p.node.Pinning.PinWithMode(ctx, pin.Cid.Cid, mode, ""); err != nil {
		return fmt.Errorf("pin %s on the local node: %w", pin.Cid, err)
	}
	return p.flush()
}

// Unpin removes the local pin if there is one. The caller holds the pin lock and the CID's lock.
func (p *Pins) Unpin(ctx context.Context, c cid.Cid) error {
	err := p.node.Pinning.Unpin(ctx, c, true)
	if errors.Is(err, pinner.ErrNotPinned) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("unpin %s on the local node: %w", c, err)
	}
	return p.flush()
}

func (p *Pins) flush() error {
	if err := p.synced.wait(); err != nil {
		return fmt.Errorf("sync local pins: %w", err)
	}
	return nil
}

// Each calls f for every recursive and direct local pin until f fails.
func (p *Pins) Each(ctx context.Context, f func(cid.Cid, api.IPFSPinStatus) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the listing when f fails
	list := func(pins <-chan pinner.StreamedPin, status api.IPFSPinStatus) error {
		for pin := range pins {
			if pin.Err != nil {
				return fmt.Errorf("list local pins: %w", pin.Err)
			}
			if err := f(pin.Pin.Key, status); err != nil {
				return err
			}
		}
		return ctx.Err()
	}
	if err := list(p.node.Pinning.RecursiveKeys(ctx, false), api.IPFSPinStatusRecursive); err != nil {
		return err
	}
	return list(p.node.Pinning.DirectKeys(ctx, false), api.IPFSPinStatusDirect)
}
