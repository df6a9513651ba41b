package consensus

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/raft"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Bootstrap makes this peer, which must have no state, one of the first members
// of a new cluster with exactly these voters, of which it is one. All of them may
// call it with the same set, at any time and as often as they like; one is enough.
// It fails with ErrHasState when this peer holds anything of a cluster already.
func (c *Consensus) Bootstrap(peers []peer.ID) error {
	if len(peers) == 0 {
		return fmt.Errorf("bootstrap cluster: %w: no peers", ErrInvalid)
	}
	if !c.gate.enter() {
		return fmt.Errorf("bootstrap cluster: %w", ErrClosed)
	}
	defer c.gate.leave()
	err := ErrClosed
	c.guard.apart(func() { err = c.storeFirst(firstMembers(peers)) })
	if err != nil {
		return fmt.Errorf("bootstrap cluster: %w", err)
	}
	c.elector.signal()
	return nil
}

// firstMembers returns the configuration of a new cluster. The same set is the
// same configuration, byte by byte, on every peer.
func firstMembers(peers []peer.ID) raft.Configuration {
	var conf raft.Configuration
	for _, id := range peers {
		conf.Servers = append(conf.Servers, raft.Server{
			Suffrage: raft.Voter,
			ID:       raft.ServerID(id.String()),
			Address:  raft.ServerAddress(id.String()),
		})
	}
	slices.SortFunc(conf.Servers, func(a, b raft.Server) int { return cmp.Compare(a.ID, b.ID) })
	return conf
}

// storeFirst makes the configuration the first entry of the log. The guard must
// not hand anything to raft meanwhile.
//
// raft itself refuses that to a peer that has a term. But the vote request of
// another first member is enough for a term, and if that one dies before it has
// sent the entry, nobody else would ever have it. It is safe with a term: entry 1
// of term 1 is the same for all first members, so a peer that stores it late is,
// in what it stores and answers from then on, one that had it from the beginning
// and was hard to reach; and what it did without, granting votes to members that
// have the entry, it would have done with it too. Term and vote stay as they are.
func (c *Consensus) storeFirst(conf raft.Configuration) error {
	if err := c.raft.BootstrapCluster(conf).Error(); !errors.Is(err, raft.ErrCantBootstrap) {
		return err
	}
	// raft has said that when it was done with all that the guard has handed to it,
	// so nothing but a term can come now.
	if c.HasState() {
		return ErrHasState
	}
	first := &raft.Log{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(conf)}
	for {
		term := c.raft.CurrentTerm()
		// No leader has sent this, so it names none.
		resp, err := c.guard.append(&raft.AppendEntriesRequest{
			RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax}, Term: term, Entries: []*raft.Log{first},
		})
		switch {
		case err != nil:
			return err
		case resp.Success:
			return nil
		case resp.Term == term:
			return errors.New("the first entry could not be stored")
		}
	}
}
