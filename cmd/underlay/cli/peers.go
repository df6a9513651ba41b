package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/spf13/cobra"
)

func peersCommand(g *globals) *cobra.Command {
	return family(&cobra.Command{
		Use:   "peers",
		Short: "List and change the members of the cluster",
	}, peersListCommand(g), peersAddCommand(g), peersRemoveCommand(g))
}

func peersListCommand(g *globals) *cobra.Command {
	return g.command(&cobra.Command{
		Use:   "ls",
		Short: "List the members",
		Long:  "List the members, with the fault of those that do not answer.",
		Args:  cobra.NoArgs,
	}, listPeers)
}

func listPeers(ctx context.Context, s *session, _ []string) error {
	ids, err := members(ctx, s)
	if err != nil {
		return err
	}
	if s.json {
		for _, id := range ids {
			if err := s.object(id); err != nil {
				return err
			}
		}
		return nil
	}
	if s.quiet {
		for _, id := range ids {
			s.printf("%s", id.ID)
		}
		return nil
	}
	consensus, _ := s.api.Consensus(ctx) // without it nobody is shown as the leader
	t := s.table("NAME", "ROLE", "STATE", "VERSION", "ID", "ADDRESS")
	for _, id := range ids {
		role, state, address := "member", "up", "-"
		if id.ID.String() == consensus.Leader {
			role = "leader"
		}
		if id.Error != "" {
			state = "down: " + id.Error
		}
		if len(id.Addresses) > 0 {
			address = id.Addresses[0].String()
		}
		if err := t.row(nameOf(id), role, state, cmp.Or(id.Version, "-"), id.ID.String(), address); err != nil {
			return err
		}
	}
	return t.end()
}

// members lists the members in the order of their names.
func members(ctx context.Context, s *session) ([]api.ID, error) {
	var ids []api.ID
	err := s.api.Peers(ctx, func(id api.ID) error {
		ids = append(ids, id)
		return nil
	})
	slices.SortFunc(ids, func(a, b api.ID) int { return cmp.Or(cmp.Compare(a.Peername, b.Peername), cmp.Compare(a.ID, b.ID)) })
	return ids, err
}

func nameOf(id api.ID) string { return cmp.Or(id.Peername, "?") }

// findPeer returns the ID of the peer that a person calls by its name or ID.
func findPeer(ctx context.Context, s *session, name string) (string, error) {
	if id, err := peer.Decode(name); err == nil {
		return id.String(), nil
	}
	ids, err := members(ctx, s)
	if err != nil {
		return "", err
	}
	var found []string
	for _, id := range ids {
		if id.Peername == name {
			found = append(found, id.ID.String())
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("peer %q: %w: no member has this name or ID", name, errNotFound)
	case 1:
		return found[0], nil
	}
	return "", usagef("several peers are called %q; use an ID instead", name)
}

func peersAddCommand(g *globals) *cobra.Command {
	return g.command(&cobra.Command{
		Use:   "add ID",
		Short: "Let a peer in again that was removed",
		Long: "Let a peer in again that was removed. New peers need no such permission: they join by themselves when they know the\n" +
			"cluster's secret and the address of a member.",
		Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, s *session, args []string) error {
		if _, err := peer.Decode(args[0]); err != nil {
			return usagef("peer ID %q: %w", args[0], err)
		}
		added, err := letIn(ctx, s, args[0])
		if err != nil {
			return err
		}
		if s.json {
			return s.object(added)
		}
		if !s.quiet {
			s.printf("%s may join", args[0])
		}
		return nil
	})
}

// letIn makes a peer a member. The API reports a fault when the peer is not there to describe itself, although it is
// a member then.
func letIn(ctx context.Context, s *session, id string) (api.ID, error) {
	added, fault := s.api.AddPeer(ctx, id)
	if fault == nil {
		return added, nil
	}
	ids, err := members(ctx, s)
	if err != nil {
		return added, fault
	}
	for _, member := range ids {
		if member.ID.String() == id {
			return member, nil
		}
	}
	return added, fault
}

// removed is what peers rm prints for machines.
type removed struct {
	ID      string `json:"id"`
	Removed bool   `json:"removed"`
}

func peersRemoveCommand(g *globals) *cobra.Command {
	return g.command(&cobra.Command{
		Use:   "rm NAME|ID",
		Short: "Remove a member from the cluster",
		Long: "Remove a member from the cluster. Its process ends, and it is refused when it is started again, until \"underlay peers\n" +
			"add\" lets it in. What it held is fetched by the peers that are left.",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: g.completePeers,
	}, func(ctx context.Context, s *session, args []string) error {
		id, err := findPeer(ctx, s, args[0])
		if err != nil {
			return err
		}
		if err := s.api.RemovePeer(ctx, id); err != nil {
			return err
		}
		if s.json {
			return s.object(removed{ID: id, Removed: true})
		}
		if !s.quiet {
			s.printf("removed %s", id)
		}
		return nil
	})
}
