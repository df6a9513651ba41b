package peer

import (
	"context"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/peer/files"
	"github.com/underlay/underlay/peer/ipfs"
)

// Files are this peer's part in the cluster's mutable file system. They belong to the peer.
func (p *Peer) Files() *files.Files { return p.files }

func (p *Peer) openFiles(context.Context) (err error) {
	p.files, err = files.Open(files.Options{
		ID: p.ID(), Node: p.node, Consensus: p.consensus, Sync: p.pins.SyncBlocks, Transport: p.Transport(),
		Connected: func(id peer.ID) bool { return p.host.Network().Connectedness(id) == network.Connected },
		Logger:    p.logger, Reached: p.opts.FilesReached,
	})
	if err != nil {
		return err
	}
	p.onClose("files", p.files.Close)
	p.pins.SpareAlso(p.files.Spare)
	ipfs.AnnounceFiles(p.node, p.files.Each)
	return nil
}
