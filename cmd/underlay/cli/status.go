package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/underlay/underlay/internal/client"
	"github.com/underlay/underlay/internal/human"
)

// errNotPinned says that the cluster has no such pin.
var errNotPinned = fmt.Errorf("%w: it is not pinned", errNotFound)

func statusCommand(g *globals) *cobra.Command {
	return g.command(&cobra.Command{
		Use:   "status [CID...]",
		Short: "Show the cluster, or how every peer stands with pins",
		Long: "Without arguments, show the cluster: who is there and who leads, how far each peer is behind, how its pins stand and\n" +
			"what its disk takes. With CIDs, show how every peer stands with each of these pins.",
		ValidArgsFunction: g.completePins,
	}, func(ctx context.Context, s *session, args []string) error {
		if len(args) == 0 {
			return showOverview(ctx, s)
		}
		if err := checkTargets(args); err != nil {
			return err
		}
		for i, cid := range args {
			if i > 0 && !s.json && !s.quiet {
				s.printf("")
			}
			if err := showStatus(ctx, s, cid); err != nil {
				return about(cid, err)
			}
		}
		return nil
	})
}

func showStatus(ctx context.Context, s *session, cid string) error {
	info, err := s.api.Status(ctx, cid)
	if err != nil {
		return err
	}
	if isGone(info) {
		return errNotPinned
	}
	have, want := holders(info)
	switch {
	case s.json:
		return s.object(info)
	case s.quiet:
		s.printf("%s %d/%d", info.Cid, have, want)
		return nil
	}
	s.printf("%s %s", info.Cid, cmp.Or(printable(info.Name), "(no name)"))
	s.printf("%d of %d peers hold it", have, want)
	t := s.table("PEER", "STATUS", "SINCE", "TRIES", "FAULT")
	now := time.Now()
	for _, id := range slices.SortedFunc(maps.Keys(info.Peers), byLabel(info)) {
		p := info.Peers[id]
		if err := t.row(peerLabel(id, p), string(p.Status), human.Ago(p.Since, now), strconv.Itoa(p.Tries), p.Error); err != nil {
			return err
		}
	}
	return t.end()
}

// byLabel orders peers as people call them.
func byLabel(info client.PinStatus) func(a, b string) int {
	return func(a, b string) int {
		return cmp.Or(cmp.Compare(info.Peers[a].Name, info.Peers[b].Name), cmp.Compare(a, b))
	}
}
