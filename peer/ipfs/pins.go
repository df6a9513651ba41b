package ipfs

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"sync"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/exchange/offline"
	"github.com/ipfs/boxo/ipld/merkledag"
	pin "github.com/ipfs/boxo/pinning/pinner"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/ipfs/kubo/core"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/underlay/underlay/peer/ipfs/swap"
)

// ErrNoProgress reports a fetch in which no block arrived for a while.
var ErrNoProgress error = noProgress{errors.New("no peer sends the missing blocks")}

type noProgress struct{ error }

// HTTPStatus tells the APIs how to answer.
func (noProgress) HTTPStatus() int { return http.StatusGatewayTimeout }

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
	node   *core.IpfsNode
	local  ipld.DAGService // what is here, without asking anybody
	pinner *localPinner
	spares Keys // nil: none
	seed   maphash.Seed
	locks  [256]sync.Mutex
}

// NewPins gives access to the local pins of a node that Open has made.
func NewPins(node *core.IpfsNode) (*Pins, error) {
	local, ok := node.Pinning.(*localPinner)
	if !ok {
		return nil, fmt.Errorf("the node's pins are kept by a %T, which does not follow the pinset", node.Pinning)
	}
	return &Pins{
		node: node, pinner: local, seed: maphash.MakeSeed(),
		local: merkledag.NewDAGService(blockservice.New(node.Blockstore, offline.Exchange(node.Blockstore))),
	}, nil
}

// CollectOnlyIf makes every later garbage collection of the node end with may's error, if it returns one, before it
// removes anything.
func (p *Pins) CollectOnlyIf(may func() error) { p.pinner.mayCollect.Store(&may) }

// WhenBlocksFail has f called when a pin finds that the node can no longer store blocks, because a sync has failed.
func (p *Pins) WhenBlocksFail(f func(error)) { p.pinner.lost.Store(&f) }

// Lock excludes everybody else who decides about this CID's local pin, and returns the unlock.
func (p *Pins) Lock(c cid.Cid) (unlock func()) {
	m := &p.locks[maphash.String(p.seed, c.KeyString())%uint64(len(p.locks))]
	m.Lock()
	return m.Unlock
}

// Status tells how the node pins c itself: recursively, directly or not; indirect pins do not count.
func (p *Pins) Status(ctx context.Context, c cid.Cid) (api.IPFSPinStatus, error) {
	found, err := p.pinner.table.Get(ctx, c)
	if err != nil {
		return api.IPFSPinStatusError, err
	}
	return statusOf(found.Mode), nil
}

func statusOf(mode pin.Mode) api.IPFSPinStatus {
	switch mode {
	case pin.Recursive:
		return api.IPFSPinStatusRecursive
	case pin.Direct:
		return api.IPFSPinStatusDirect
	default:
		return api.IPFSPinStatusUnpinned
	}
}

// Has tells whether the node pins what the pin asks for.
func (p *Pins) Has(ctx context.Context, wanted api.Pin) (bool, error) {
	status, err := p.Status(ctx, wanted.Cid.Cid)
	return err == nil && status == wantedStatus(wanted), err
}

func wantedStatus(pin api.Pin) api.IPFSPinStatus {
	if pin.MaxDepth == 0 {
		return api.IPFSPinStatusDirect
	}
	return api.IPFSPinStatusRecursive
}

func wantedMode(wanted api.Pin) pin.Mode {
	if wanted.MaxDepth == 0 {
		return pin.Direct
	}
	return pin.Recursive
}

// Whole tells, by a look at one block, that all blocks of the pin are here. If it is false, they may be all the same.
func (p *Pins) Whole(ctx context.Context, wanted api.Pin) (bool, error) {
	root, err := p.local.Get(ctx, wanted.Cid.Cid)
	if ipld.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read block %s: %w", wanted.Cid, err)
	}
	return wanted.MaxDepth == 0 || len(root.Links()) == 0, nil
}

// Fetch brings the pin's blocks to this node: all of the DAG, or one block for a direct pin. It counts them in progress,
// and in the tracker of ctx if there is one. Once a second watch is told
// how long no new block has come, and may end the fetch with an error. The caller holds the node's pin lock, unless it
// checks again later that all blocks are here, and may read progress meanwhile.
func (p *Pins) Fetch(ctx context.Context, pin api.Pin, progress *merkledag.ProgressTracker, watch func(idle time.Duration) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ctx = swap.Bulk(ctx)

	dialed := p.dialOrigins(ctx, pin.Origins)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		watchProgress(ctx, cancel, progress, watch)
	}()
	err := p.fetch(ctx, pin, progress)
	if err != nil && context.Cause(ctx) != nil {
		err = context.Cause(ctx)
	}
	cancel(nil)
	<-watched
	dialed.Wait()
	if err != nil {
		return fmt.Errorf("fetch %s: %w", pin.Cid, err)
	}
	return nil
}

func (p *Pins) fetch(ctx context.Context, pin api.Pin, progress *merkledag.ProgressTracker) error {
	session := merkledag.NewSession(ctx, p.node.DAG)
	root, err := session.Get(ctx, pin.Cid.Cid)
	if pin.MaxDepth == 0 || err != nil {
		return err
	}
	var how []merkledag.WalkOption
	if len(root.Links()) == 0 {
		how = append(how, merkledag.Concurrency(1)) // spares starting many workers for one block
	}
	return merkledag.FetchGraph(ctx, pin.Cid.Cid, countedDAG{p.node.DAG, session, progress}, how...)
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

// dialOrigins begins to connect to the places that the pin's user knows to have the content, and returns what waits for
// the last attempt; the end of ctx ends them all. A failure only costs speed.
func (p *Pins) dialOrigins(ctx context.Context, origins []api.Multiaddr) *sync.WaitGroup {
	var addrs []ma.Multiaddr
	for _, origin := range origins {
		if _, id := peer.SplitAddr(origin.Value()); id != "" { // else it cannot be dialed
			addrs = append(addrs, origin.Value())
		}
	}
	var dialing sync.WaitGroup
	nodes, _ := peer.AddrInfosFromP2pAddrs(addrs...) // none if one is wrong, which none is now
	for _, node := range nodes {
		dialing.Go(func() { _ = p.node.PeerHost.Connect(ctx, node) })
	}
	return &dialing
}

// Pin pins blocks that are already here. The caller holds the pin lock and the CID's lock.
func (p *Pins) Pin(ctx context.Context, wanted api.Pin) error {
	return p.pinner.put(ctx, wanted.Cid.Cid, wantedMode(wanted))
}

// Unpin removes the local pin if there is one. The caller holds the pin lock and the CID's lock.
func (p *Pins) Unpin(ctx context.Context, c cid.Cid) error { return p.pinner.table.remove(ctx, c) }

// Each calls f for every recursive and direct local pin until f fails.
func (p *Pins) Each(ctx context.Context, f func(cid.Cid, api.IPFSPinStatus) error) error {
	return p.pinner.table.Each(ctx, func(found pin.Pinned) error { return f(found.Key, statusOf(found.Mode)) })
}
