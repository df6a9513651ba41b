package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/underlay/underlay/internal/client"
	"github.com/underlay/underlay/internal/human"
	"github.com/underlay/underlay/internal/pause"
)

func pinRecoverCommand(g *globals) *cobra.Command {
	var wait, all bool
	cmd := &cobra.Command{
		Use:   "recover CID...|--all",
		Short: "Try failed pins again at once",
		Long: "Have the peers try pins again at once that are in error. They do so by themselves too, with growing pauses. To mend a\n" +
			"cluster that has lost most of its peers, see \"underlay recover-majority\".",
		ValidArgsFunction: g.completePins,
	}
	cmd.Flags().BoolVar(&all, "all", false, "all pins in error")
	cmd.Flags().BoolVar(&wait, "wait", false, waitHelp)
	return g.command(cmd, func(ctx context.Context, s *session, args []string) error {
		if all == (len(args) > 0) {
			return usagef("name the CIDs, or give --all")
		}
		if err := checkTargets(args); err != nil {
			return err
		}
		var cids []string
		note := func(info client.PinStatus) error {
			cids = append(cids, info.Cid)
			return s.recovering(info)
		}
		if all {
			if err := s.api.RecoverAll(ctx, note); err != nil {
				return err
			}
		}
		for _, name := range args {
			info, err := s.api.Recover(ctx, name)
			if err == nil && isGone(info) {
				err = errNotPinned
			}
			if err == nil {
				err = note(info)
			}
			if err != nil {
				return about(name, err)
			}
		}
		switch {
		case !wait:
			return nil
		case all: // what has failed since then counts too
			return awaitNoneFailed(ctx, s)
		}
		return awaitHolders(ctx, s, cids)
	})
}

func (s *session) recovering(info client.PinStatus) error {
	switch {
	case s.json:
		return s.object(info)
	case s.quiet:
		s.printf("%s", info.Cid)
	default:
		peers, _ := standing(info)
		s.printf("%s %s", info.Cid, peers)
	}
	return nil
}

// awaitNoneFailed returns when no pin fails or is on its way.
func awaitNoneFailed(ctx context.Context, s *session) error {
	const unfinished = "error,queued,pinning,unpinning,unexpectedly_unpinned"
	var most int
	for wait := firstPause; ; wait = min(2*wait, mostPause) {
		var left int
		var last client.PinStatus
		var fetched fetched
		err := s.api.StatusAll(ctx, client.StatusOptions{Filter: unfinished}, func(info client.PinStatus) error {
			left, last = left+1, info
			fetched.add(info)
			return nil
		})
		switch {
		case ctx.Err() != nil:
			return notYet(ctx, last, left)
		case err != nil:
			return err
		case left == 0:
			return nil
		}
		most = max(most, left)
		s.bar.show("recovering", uint64(most-left), uint64(most), human.Plural(left, "pin")+" left"+fetched.String())
		if !pause.For(ctx, wait) {
			return notYet(ctx, last, left)
		}
	}
}
