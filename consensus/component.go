package consensus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	ipfscluster "github.com/ipfs-cluster/ipfs-cluster"
	"github.com/ipfs-cluster/ipfs-cluster/api"
	rpc "github.com/libp2p/go-libp2p-gorpc"
	"github.com/libp2p/go-libp2p/core/peer"
)

var _ ipfscluster.Consensus = (*Consensus)(nil)

// SetClient implements ipfscluster.Component. Consensus calls other peers by
// itself and needs no client.
func (c *Consensus) SetClient(*rpc.Client) {}

// Shutdown implements ipfscluster.Component: it is Close.
func (c *Consensus) Shutdown(context.Context) error { return c.Close() }

// Ready returns a channel that is closed once this peer is a member of a
// cluster that has a leader, and has caught up with it. It never closes when
// Close comes first.
func (c *Consensus) Ready(context.Context) <-chan struct{} { return c.ready }

// LogPin commits one pin, see Commit.
func (c *Consensus) LogPin(ctx context.Context, p api.Pin) error {
	return c.logOp(ctx, PinOp(p))
}

// LogUnpin commits one unpin, see Commit. The error is state.ErrNotFound itself
// when the CID is not pinned, because callers in ipfs-cluster compare it.
func (c *Consensus) LogUnpin(ctx context.Context, p api.Pin) error {
	return c.logOp(ctx, UnpinOp(p.Cid))
}

func (c *Consensus) logOp(ctx context.Context, op Op) error {
	done, err := c.Commit(ctx, op)
	if err != nil {
		return fmt.Errorf("commit operation on %s: %w", op.Pin.Cid, err)
	}
	return done.Errs[0]
}

// AddPeer makes a peer a member, which gets a vote as soon as it has caught up and
// been stable for a while. Adding a member again does nothing. It tries until ctx
// ends or CommitTimeout is over.
func (c *Consensus) AddPeer(ctx context.Context, id peer.ID) error {
	if err := c.changeMember(ctx, memberAdd, id); err != nil {
		return fmt.Errorf("add peer %s: %w", id, err)
	}
	return nil
}

// RmPeer removes a member, which may be this peer or the leader. Removing a peer
// that is no member does nothing. It tries until ctx ends or CommitTimeout is
// over.
func (c *Consensus) RmPeer(ctx context.Context, id peer.ID) error {
	if err := c.changeMember(ctx, memberRemove, id); err != nil {
		return fmt.Errorf("remove peer %s: %w", id, err)
	}
	return nil
}

// WaitForSync is Barrier.
func (c *Consensus) WaitForSync(ctx context.Context) error { return c.Barrier(ctx) }

// Leader returns the leader as far as this peer knows, or ErrNoLeader. It does
// not wait.
func (c *Consensus) Leader(context.Context) (peer.ID, error) {
	id, _ := c.leaders.refresh()
	if id == "" {
		return "", ErrNoLeader
	}
	return id, nil
}

// Peers returns the members. It fails with ErrNotMember rather than return a set
// that lacks this peer: the orchestrator takes that for its own removal, shuts
// down and deletes its data.
func (c *Consensus) Peers(context.Context) ([]peer.ID, error) {
	var ids []peer.ID
	member := false
	for _, s := range c.servers() {
		id, err := peer.Decode(string(s.ID))
		if err != nil {
			return nil, fmt.Errorf("list members: peer ID %q: %w", s.ID, err)
		}
		member = member || id == c.id
		ids = append(ids, id)
	}
	if member {
		return ids, nil
	}
	if err := c.outside(); err != nil {
		return nil, err
	}
	return nil, ErrNotMember
}

// outside returns ErrNotMember with the reason if this peer belongs to no cluster
// yet, so that to wait for a leader could take for ever.
func (c *Consensus) outside() error {
	if leader, _ := c.leaders.refresh(); leader != "" {
		return nil
	}
	why := c.opts.Outside()
	if why == nil || errors.Is(why, ErrNotMember) {
		return why
	}
	return fmt.Errorf("%w: %w", ErrNotMember, why)
}

// IsTrustedPeer reports whether a peer is a member. Only holders of the
// cluster's secret can connect in the first place.
func (c *Consensus) IsTrustedPeer(_ context.Context, id peer.ID) bool {
	return id == c.id || c.isMember(id)
}

// Trust does nothing: members are trusted.
func (c *Consensus) Trust(context.Context, peer.ID) error { return nil }

// Distrust does nothing: members are trusted until they are removed.
func (c *Consensus) Distrust(context.Context, peer.ID) error { return nil }

// Clean deletes the log, the snapshots and the state of this peer for good. It
// fails unless the consensus is closed.
func (c *Consensus) Clean(context.Context) error {
	c.closeMu.Lock()
	defer c.closeMu.Unlock()
	if !c.isClosed {
		return errors.New("clean consensus data: consensus is not closed")
	}
	var faults []error
	// The log first: a state without its log can be told from a whole one,
	// a log without its state would be replayed in part.
	for _, name := range []string{logDir, snapshotDir, restoreDir, stateDir} {
		faults = append(faults, os.RemoveAll(filepath.Join(c.opts.Dir, name)))
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("clean consensus data: %w", err)
	}
	return nil
}
