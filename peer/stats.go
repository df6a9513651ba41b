package peer

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"golang.org/x/sys/unix"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/peer/reconcile"
)

// Stats are figures of a peer, for monitoring.
type Stats struct {
	Consensus   consensus.Stats
	Pins        reconcile.Stats
	Members     MemberCount
	Blocks      uint64 // bytes that the node's blocks take on the disk
	Disk        DiskSpace
	Collections CollectionCount
	// Bytes on the private network.
	Received, Sent int64
}

// MemberCount counts the other peers of the address book as this one sees them.
type MemberCount struct{ Connected, Unreachable, Removed int }

// DiskSpace is that of the file system of the data directory, in bytes.
type DiskSpace struct{ Size, Free uint64 }

// CollectionCount tells of the collections of garbage on this peer's node that have ended.
type CollectionCount struct {
	Runs, Freed uint64 // and bytes
	Took        time.Duration
}

// statsTimeout bounds what Stats asks of the node.
const statsTimeout = 2 * time.Second

// Stats may be called until Close. What cannot be found out is 0.
func (p *Peer) Stats() Stats {
	ctx, cancel := context.WithTimeout(context.Background(), statsTimeout)
	defer cancel()
	traffic := p.bandwidth.GetBandwidthTotals()
	s := Stats{
		Consensus: p.consensus.Stats(), Pins: p.reconciler.Stats(), Members: p.countMembers(ctx), Disk: diskSpace(p.opts.Dir),
		Collections: CollectionCount{p.collections.runs.Load(), p.collections.freed.Load(), time.Duration(p.collections.nanoseconds.Load())},
		Received:    traffic.TotalIn, Sent: traffic.TotalOut,
	}
	s.Blocks, _ = p.node.Repo.GetStorageUsage(ctx)
	return s
}

func (p *Peer) countMembers(ctx context.Context) (n MemberCount) {
	members, _ := p.addressBook(ctx)
	for _, m := range members {
		switch {
		case m.ID == p.ID():
		case m.Removed:
			n.Removed++
		case p.host.Network().Connectedness(m.ID) == network.Connected:
			n.Connected++
		default:
			n.Unreachable++
		}
	}
	return n
}

func diskSpace(dir string) DiskSpace {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return DiskSpace{}
	}
	return DiskSpace{Size: s.Blocks * uint64(s.Bsize), Free: s.Bavail * uint64(s.Bsize)} //nolint:gosec // not negative
}
