package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/spf13/cobra"
)

func gcCommand(g *globals) *cobra.Command {
	var local bool
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Collect garbage: remove the blocks that no pin holds",
		Long:  "Remove the blocks that no pin holds, on all peers one after the other. With --quiet the CIDs of the blocks are listed.",
		Args:  cobra.NoArgs,
	}
	cmd.Flags().BoolVar(&local, "local", false, "only on the peer that answers")
	return g.command(cmd, func(ctx context.Context, s *session, _ []string) error {
		s.bar.show("collecting garbage", 0, 0, "")
		done, err := s.api.CollectGarbage(ctx, local)
		if err != nil {
			return err
		}
		return showCollected(s, done)
	})
}

func showCollected(s *session, done api.GlobalRepoGC) error {
	var t *table
	if !s.json && !s.quiet {
		t = s.table("PEER", "REMOVED", "FAULT")
	}
	byName := func(a, b string) int {
		return cmp.Or(cmp.Compare(done.PeerMap[a].Peername, done.PeerMap[b].Peername), cmp.Compare(a, b))
	}
	var faults []error
	for _, id := range slices.SortedFunc(maps.Keys(done.PeerMap), byName) {
		one := done.PeerMap[id]
		removed, fault := tallyRemoved(one)
		if fault != "" {
			faults = append(faults, fmt.Errorf("%s: %s", cmp.Or(one.Peername, id), fault))
		}
		var err error
		switch {
		case s.json:
			err = s.object(one)
		case s.quiet:
			for _, key := range one.Keys {
				if key.Error == "" {
					s.printf("%s", key.Key)
				}
			}
		default:
			err = t.row(cmp.Or(one.Peername, id), strconv.Itoa(removed), fault)
		}
		if err != nil {
			return err
		}
	}
	if t != nil {
		faults = append(faults, t.end())
	}
	return errors.Join(faults...)
}

// tallyRemoved counts the blocks that a peer has removed, and names its fault or that of the first block that it has not.
func tallyRemoved(one api.RepoGC) (removed int, fault string) {
	fault = one.Error
	for _, key := range one.Keys {
		if key.Error == "" {
			removed++
		} else {
			fault = cmp.Or(fault, key.Error)
		}
	}
	return removed, fault
}
