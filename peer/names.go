package peer

import (
	"context"

	"github.com/ipfs/boxo/exchange"
	"github.com/ipfs/boxo/keystore"
	"github.com/ipfs/boxo/namesys"
	"github.com/ipfs/kubo/core"
	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/underlay/underlay/peer/ipfs"
	"github.com/underlay/underlay/peer/keys"
	"github.com/underlay/underlay/peer/names"
)

// openNames makes the keys and the names of the cluster, and the node that knows them.
func (p *Peer) openNames(context.Context) (err error) {
	note := p.opts.NoteFailure
	if note == nil {
		note = func(_ context.Context, err error) error { return err }
	}
	p.keys = keys.New(p.consensus, p.sealer)
	p.names, err = names.New(names.Options{
		Node: p.node, Values: p.consensus, Keys: p.keys, Leads: p.leads, Logger: p.logger, Note: note,
	})
	if err != nil {
		return err
	}
	p.connector = ipfs.NewConnector(p.Node(), p.pins, p.dir.ipfs())
	return nil
}

func (p *Peer) leads() bool { return p.consensus.Status().Leader == p.ID() }

// Node is the embedded IPFS node, with its own local pins; the names that it resolves and publishes are the cluster's. It
// belongs to the peer.
func (p *Peer) Node() *core.IpfsNode { return p.names.Node() }

// PublicNode is the same for those who may read only: what they store with its routing goes to the network, and not into the
// state of the cluster.
func (p *Peer) PublicNode() *core.IpfsNode { return p.names.PublicNode() }

// NamesOver resolves the names that the cluster has published, and all others by wider.
func (p *Peer) NamesOver(wider namesys.NameSystem) namesys.NameSystem { return p.names.Over(wider) }

// Keys returns the keystore of the cluster and the key called self, for the request of ctx, with everything that was
// acknowledged anywhere before. If a key is to be renamed, that is one step.
func (p *Peer) Keys(ctx context.Context, renames bool) (keystore.Keystore, crypto.PrivKey, error) {
	ring, err := p.keys.Open(ctx)
	if err != nil {
		return nil, nil, err
	}
	if renames {
		ring = ring.Renaming()
	}
	return ring.Keystore, ring.Self, nil
}

// Held fetches blocks from the members' nodes, and from nobody else: what they hold is what is pinned, the shared files, and
// what no collection has removed yet.
func (p *Peer) Held() exchange.Interface { return p.links.blocks.Inside() }
