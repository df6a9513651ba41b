package cli

import (
	"context"
	"strings"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/spf13/cobra"

	"github.com/underlay/underlay/internal/client"
)

const (
	completeTimeout = 2 * time.Second // nobody waits longer for a completion
	completeMost    = 100             // CIDs
)

// completePeers offers the names of the members.
func (g *globals) completePeers(cmd *cobra.Command, given []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(given) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return g.completeEachPeer(cmd, given, begun)
}

// completeEachPeer offers the names also behind others.
func (g *globals) completeEachPeer(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	prefix, last := "", begun
	if i := strings.LastIndexByte(begun, ','); i >= 0 {
		prefix, last = begun[:i+1], begun[i+1:]
	}
	var names []cobra.Completion
	g.offer(cmd, func(ctx context.Context, s *session) error {
		return s.api.Peers(ctx, func(id api.ID) error {
			if id.Peername != "" && strings.HasPrefix(id.Peername, last) {
				names = append(names, cobra.CompletionWithDesc(prefix+id.Peername, id.ID.String()))
			}
			return nil
		})
	})
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completePins offers the CIDs of pins, with their names.
func (g *globals) completePins(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var cids []cobra.Completion
	g.offer(cmd, func(ctx context.Context, s *session) error {
		return s.api.Allocations(ctx, client.Selection{}, func(pin api.Pin) error {
			if len(cids) == completeMost {
				return errEnough
			}
			if text := pin.Cid.String(); strings.HasPrefix(text, begun) {
				cids = append(cids, cobra.CompletionWithDesc(text, printable(pin.Name)))
			}
			return nil
		})
	})
	return cids, cobra.ShellCompDirectiveNoFileComp
}

// offer asks a peer for a completion; a fault offers nothing, as there is nowhere to tell it.
func (g *globals) offer(cmd *cobra.Command, ask func(context.Context, *session) error) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	quiet := *g
	quiet.quiet = true
	s, err := quiet.open()
	if err != nil {
		return
	}
	defer s.close()
	_ = ask(ctx, s)
}

// completeStatuses offers the names by which pins are filtered.
func completeStatuses(_ *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []cobra.Completion
	for _, status := range api.TrackerStatusAll() {
		names = append(names, status.String())
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
