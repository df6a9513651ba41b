package peer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/pause"
)

// joinInterval is how often a peer looks whether a cluster lacks it.
const joinInterval = time.Second

// ErrRemoved reports a peer that an operator removed from its cluster.
var ErrRemoved = errors.New("this peer was removed from its cluster; to let it in again, POST /peers with its ID on a member")

// stayMember asks to be let in whenever a cluster that this peer meets does not have it as a member: because it is new, or
// was away for too long. A peer that an operator removed is refused, and ends with ErrRemoved.
func (p *Peer) stayMember(ctx context.Context) error {
	for {
		known, _ := p.consensus.Peers(ctx) // none yet: any cluster will do
		if via, ok := p.mesh.stranger(known); ok {
			switch err := p.askToJoin(ctx, via); {
			case errors.Is(err, ErrRemoved):
				return err
			case err != nil && ctx.Err() == nil:
				p.setWaiting(err)
				p.logger.Info("not a member yet; will ask again", "via", via, "error", err)
			case err == nil:
				p.logger.Info("joined the cluster", "via", via)
			}
		}
		if !pause.For(ctx, joinInterval) {
			return nil
		}
	}
}

func (p *Peer) askToJoin(ctx context.Context, via peer.ID) error {
	self := p.self(ctx)
	request := JoinRequest{Name: self.Name, Version: self.Version, Slot: self.Slot, Machine: self.Machine}
	for _, a := range self.Addrs {
		request.Addrs = append(request.Addrs, api.NewMultiaddrWithValue(a))
	}
	var reply JoinReply
	if err := p.client.CallContext(ctx, via, "Peer", "Join", request, &reply); err != nil {
		return fmt.Errorf("%w: ask %s to let this peer in: %w", errWaiting, via, err)
	}
	if reply.Refused != "" {
		return fmt.Errorf("%w (%s)", ErrRemoved, reply.Refused)
	}
	p.mesh.noteMembers(via, reply.Members)
	return nil
}

// noteMembers corrects what the latest greetings said, so that the same question is not asked again.
func (m *mesh) noteMembers(via peer.ID, members []peer.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, a := range m.peers {
		if a.id == via || a.hello.HasLeader {
			a.hello.Members = members
			m.peers[key] = a
		}
	}
}

// admit makes the caller a member, unless an operator removed it. Its addresses go into the address book first: the leader,
// which may be another peer than the one that was asked, must find it before it can take part.
func (p *Peer) admit(ctx context.Context, caller peer.ID, in JoinRequest) (JoinReply, error) {
	if err := p.consensus.Barrier(ctx); err != nil {
		return JoinReply{}, err
	}
	members, err := p.addressBook(ctx)
	if err != nil {
		return JoinReply{}, err
	}
	for _, m := range members {
		if m.ID == caller && m.Removed {
			return JoinReply{Refused: "said by " + p.opts.Name}, nil
		}
	}
	joining := member{ID: caller, Name: in.Name, Version: in.Version, Slot: in.Slot, Machine: in.Machine}
	for _, a := range in.Addrs {
		joining.Addrs = append(joining.Addrs, a.Value())
	}
	if err := p.setMember(ctx, joining); err != nil {
		return JoinReply{}, err
	}
	if err := p.consensus.AddPeer(ctx, caller); err != nil {
		return JoinReply{}, err
	}
	ids, err := p.consensus.Peers(ctx)
	return JoinReply{Members: ids}, err
}

// forget lifts an operator's word that a peer may not join.
func (p *Peer) forget(ctx context.Context, id peer.ID) error {
	done, err := p.consensus.Commit(ctx, consensus.DelMemberOp(id))
	if err == nil {
		err = errors.Join(done.Errs...)
	}
	if err != nil {
		return fmt.Errorf("forget that peer %s was removed: %w", id, err)
	}
	return nil
}
