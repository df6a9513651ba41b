package ipfs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	ipfscluster "github.com/ipfs-cluster/ipfs-cluster"
	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/ipld/merkledag"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/kubo/core"
	"github.com/ipfs/kubo/core/coreapi"
	"github.com/ipfs/kubo/core/corerepo"
	"github.com/ipfs/kubo/gc"
	rpc "github.com/libp2p/go-libp2p-gorpc"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"golang.org/x/sys/unix"

	kubopath "github.com/ipfs/boxo/path"
)

// Connector is the orchestrator's way to the embedded node: direct calls, no HTTP between the two halves.
type Connector struct {
	node *core.IpfsNode
	pins *Pins
	dir  string // where the blocks are, to measure free space
}

// NewConnector makes a connector to the node whose repository is in dir.
func NewConnector(node *core.IpfsNode, pins *Pins, dir string) *Connector {
	return &Connector{node: node, pins: pins, dir: dir}
}

var _ ipfscluster.IPFSConnector = (*Connector)(nil)

// SetClient implements ipfscluster.Component; the connector calls nobody.
func (*Connector) SetClient(*rpc.Client) {}

// Shutdown implements ipfscluster.Component; the peer closes the node itself, last.
func (*Connector) Shutdown(context.Context) error { return nil }

// Ready is always ready: the node is open before the connector exists.
func (*Connector) Ready(context.Context) <-chan struct{} {
	ready := make(chan struct{})
	close(ready)
	return ready
}

// ID returns the node's identity and addresses.
func (c *Connector) ID(context.Context) (api.IPFSID, error) {
	return api.IPFSID{ID: c.node.Identity, Addresses: Addrs(c.node)}, nil
}

// Addrs lists the node's addresses with its identity appended.
func Addrs(node *core.IpfsNode) []api.Multiaddr {
	full, err := peer.AddrInfoToP2pAddrs(&peer.AddrInfo{ID: node.Identity, Addrs: node.PeerHost.Addrs()})
	if err != nil {
		return nil
	}
	return apiMultiaddrs(full)
}

func apiMultiaddrs(addrs []ma.Multiaddr) []api.Multiaddr {
	out := make([]api.Multiaddr, len(addrs))
	for i, a := range addrs {
		out[i] = api.NewMultiaddrWithValue(a)
	}
	return out
}

// Pin fetches and pins on the local node, whatever the pinset says.
func (c *Connector) Pin(ctx context.Context, pin api.Pin) error {
	defer c.node.Blockstore.PinLock(ctx).Unlock(ctx)
	if err := c.pins.Fetch(ctx, pin, new(merkledag.ProgressTracker), GiveUpWhenStalled); err != nil {
		return err
	}
	defer c.pins.Lock(pin.Cid.Cid)()
	return c.pins.Pin(ctx, pin)
}

// Unpin removes the local pin, if there is one.
func (c *Connector) Unpin(ctx context.Context, h api.Cid) error {
	defer c.node.Blockstore.PinLock(ctx).Unlock(ctx)
	defer c.pins.Lock(h.Cid)()
	return c.pins.Unpin(ctx, h.Cid)
}

// PinLsCid tells how the node pins the CID.
func (c *Connector) PinLsCid(ctx context.Context, pin api.Pin) (api.IPFSPinStatus, error) {
	return c.pins.Status(ctx, pin.Cid.Cid)
}

// PinLs streams the local pins of the given types (recursive, direct) and closes out.
func (c *Connector) PinLs(ctx context.Context, types []string, out chan<- api.IPFSPinInfo) error {
	defer close(out)
	want := make(map[api.IPFSPinStatus]bool)
	for _, t := range types {
		want[api.IPFSPinStatusFromString(t)] = true
	}
	return c.pins.Each(ctx, func(k cid.Cid, status api.IPFSPinStatus) error {
		if !want[status] {
			return nil
		}
		select {
		case out <- api.IPFSPinInfo{Cid: api.NewCid(k), Type: status}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// ConnectSwarms has nothing to do: the peers' nodes stay connected by themselves (package peer's mesh).
func (*Connector) ConnectSwarms(context.Context) error { return nil }

// SwarmPeers lists the peers that the node is connected to.
func (c *Connector) SwarmPeers(context.Context) ([]peer.ID, error) {
	return c.node.PeerHost.Network().Peers(), nil
}

// ConfigKey returns a value of the node's configuration; keypath is like "Datastore/StorageMax".
func (c *Connector) ConfigKey(keypath string) (any, error) {
	conf, err := c.node.Repo.Config()
	if err != nil {
		return nil, fmt.Errorf("read IPFS configuration: %w", err)
	}
	raw, err := json.Marshal(conf)
	if err != nil {
		return nil, fmt.Errorf("encode IPFS configuration: %w", err)
	}
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return nil, fmt.Errorf("decode IPFS configuration: %w", err)
	}
	for key := range strings.SplitSeq(keypath, "/") {
		section, _ := value.(map[string]any)
		var ok bool
		if value, ok = section[key]; !ok {
			return nil, fmt.Errorf("IPFS configuration has no %q", keypath)
		}
	}
	return value, nil
}

// RepoStat returns the size of the repository and, as the maximum, the most it could grow to: kubo's StorageMax or
// what the file system has left, whichever is less. The allocator places pins by the difference.
func (c *Connector) RepoStat(ctx context.Context) (api.IPFSRepoStat, error) {
	size, err := corerepo.RepoSize(ctx, c.node)
	if err != nil {
		return api.IPFSRepoStat{}, fmt.Errorf("measure IPFS repository: %w", err)
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(c.dir, &disk); err != nil {
		return api.IPFSRepoStat{}, fmt.Errorf("measure free space of %s: %w", c.dir, err)
	}
	room := disk.Bavail * uint64(disk.Bsize)
	return api.IPFSRepoStat{RepoSize: size.RepoSize, StorageMax: min(size.StorageMax, size.RepoSize+room)}, nil
}

// RepoGC removes the blocks that no local pin holds, and lists them.
func (c *Connector) RepoGC(ctx context.Context) (api.RepoGC, error) {
	return c.Collect(ctx, c.node.Blockstore)
}

// Collect is RepoGC on a view of the node's blocks.
func (c *Connector) Collect(ctx context.Context, store blockstore.GCBlockstore) (api.RepoGC, error) {
	result := api.RepoGC{Keys: []api.IPFSRepoGC{}}
	roots, err := corerepo.BestEffortRoots(c.node.FilesRoot)
	if err != nil {
		return result, fmt.Errorf("find MFS root: %w", err)
	}
	for r := range gc.GC(ctx, store, c.node.Repo.Datastore(), c.pins.Collecting(), roots) {
		key := api.IPFSRepoGC{Key: api.NewCid(r.KeyRemoved)}
		if r.Error != nil {
			key.Error = r.Error.Error()
		}
		result.Keys = append(result.Keys, key)
	}
	return result, ctx.Err()
}

// Resolve returns the CID at an IPFS or IPNS path; a bare CID counts as its own path.
func (c *Connector) Resolve(ctx context.Context, path string) (api.Cid, error) {
	p, err := kubopath.NewPath(path)
	if err != nil {
		if p, err = kubopath.NewPath("/ipfs/" + path); err != nil {
			return api.CidUndef, fmt.Errorf("parse path %q: %w", path, err)
		}
	}
	core, err := coreapi.NewCoreAPI(c.node)
	if err != nil {
		return api.CidUndef, fmt.Errorf("resolve %q: %w", path, err)
	}
	resolved, rest, err := core.ResolvePath(ctx, p)
	if err != nil {
		return api.CidUndef, fmt.Errorf("resolve %q: %w", path, err)
	}
	if len(rest) > 0 {
		return api.CidUndef, fmt.Errorf("resolve %q: it ends inside a block, and only whole blocks can be pinned", path)
	}
	return api.NewCid(resolved.RootCid()), nil
}

// putBatch is how many blocks BlockStream writes at a time: one sync of the disk for each batch.
const putBatch = 64

// BlockStream stores blocks as they come. Every block's content is checked against its CID.
func (c *Connector) BlockStream(ctx context.Context, in <-chan api.NodeWithMeta) error {
	defer c.node.Blockstore.PinLock(ctx).Unlock(ctx)
	err := c.storeBlocks(ctx, in)
	if err != nil {
		for range in { // the sender waits until its channel is drained
		}
	}
	return err
}

func (c *Connector) storeBlocks(ctx context.Context, in <-chan api.NodeWithMeta) error {
	batch := make([]blocks.Block, 0, putBatch)
	flush := func() error {
		if err := c.node.Blocks.AddBlocks(ctx, batch); err != nil {
			return fmt.Errorf("store blocks: %w", err)
		}
		batch = batch[:0]
		return nil
	}
	for n := range in {
		block, err := verifiedBlock(n)
		if err != nil {
			return err
		}
		if batch = append(batch, block); len(batch) == putBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

var errBlockMismatch = errors.New("the content does not hash to the CID")

func verifiedBlock(n api.NodeWithMeta) (blocks.Block, error) {
	sum, err := n.Cid.Prefix().Sum(n.Data)
	if err != nil {
		return nil, fmt.Errorf("hash block %s: %w", n.Cid, err)
	}
	if !sum.Equals(n.Cid.Cid) {
		return nil, fmt.Errorf("store block %s: %w", n.Cid, errBlockMismatch)
	}
	return blocks.NewBlockWithCid(n.Data, n.Cid.Cid)
}

// BlockGet returns a block's content, from this node or whoever has it.
func (c *Connector) BlockGet(ctx context.Context, h api.Cid) ([]byte, error) {
	block, err := c.node.Blocks.GetBlock(ctx, h.Cid)
	if err != nil {
		return nil, fmt.Errorf("get block %s: %w", h, err)
	}
	return block.RawData(), nil
}
