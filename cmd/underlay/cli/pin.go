package cli

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/spf13/cobra"
)

func pinCommand(g *globals) *cobra.Command {
	return family(&cobra.Command{
		Use:   "pin",
		Short: "Pin, unpin and list what the cluster holds",
	}, pinAddCommand(g), pinRemoveCommand(g), pinListCommand(g), pinUpdateCommand(g), pinRecoverCommand(g))
}

const waitHelp = "wait until every peer that shall hold it does; --timeout bounds that"

func pinAddCommand(g *globals) *cobra.Command {
	var wait, direct bool
	cmd := &cobra.Command{
		Use:   "add CID|PATH...",
		Short: "Pin content that the network has",
		Long: "Pin content that the network has, by CID or by a path such as /ipfs/CID/directory/file. It is answered when the pin is\n" +
			"committed; the peers then fetch the blocks, which --wait waits for. Given -, it reads CIDs from standard input, one a\n" +
			"line, and pins many at a time.",
		Example: "  underlay pin add --name=website --replication=2 bafybei...\n" +
			"  underlay pin add --wait --timeout=5m /ipfs/bafybei.../docs\n" +
			"  underlay pin ls -q --prefix=old- | underlay pin add --name=kept -",
		Args: cobra.MinimumNArgs(1),
	}
	o := pinFlags(g, cmd)
	cmd.Flags().BoolVar(&direct, "direct", false, "pin the one block, without what it links to")
	cmd.Flags().BoolVar(&wait, "wait", false, waitHelp)
	return g.command(cmd, func(ctx context.Context, s *session, args []string) error {
		if err := checkTargets(args); err != nil {
			return err
		}
		query, err := o.query(ctx, s)
		if err != nil {
			return err
		}
		if direct {
			query.Set("mode", "direct")
		}
		if fromInput(args) {
			return changeMany(ctx, s, "pin", query, wait)
		}
		var pins []api.Pin
		for _, name := range args {
			pin, err := s.api.Pin(ctx, name, query)
			if err != nil {
				return about(name, err)
			}
			pins = append(pins, pin)
			if err := s.changed("pinned", pin); err != nil {
				return err
			}
		}
		if wait {
			return awaitHolders(ctx, s, cidsOf(pins))
		}
		return nil
	})
}

func pinRemoveCommand(g *globals) *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use:   "rm CID|PATH...",
		Short: "Remove pins",
		Long: "Remove pins. The blocks stay until garbage is collected. Given -, it reads CIDs from standard input, one a line, and\n" +
			"removes many at a time.",
		Example:           "  underlay pin rm bafybei...\n  underlay pin ls -q --prefix=old- | underlay pin rm -",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: g.completePins,
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until no peer holds the pin any more; --timeout bounds that")
	return g.command(cmd, func(ctx context.Context, s *session, args []string) error {
		if err := checkTargets(args); err != nil {
			return err
		}
		if fromInput(args) {
			return changeMany(ctx, s, "unpin", nil, wait)
		}
		var pins []api.Pin
		for _, name := range args {
			pin, err := s.api.Unpin(ctx, name)
			if err != nil {
				return about(name, err)
			}
			pins = append(pins, pin)
			if err := s.changed("unpinned", pin); err != nil {
				return err
			}
		}
		if wait {
			return awaitGone(ctx, s, cidsOf(pins))
		}
		return nil
	})
}

func pinUpdateCommand(g *globals) *cobra.Command {
	var wait, unpin bool
	var name string
	cmd := &cobra.Command{
		Use:   "update OLD NEW",
		Short: "Pin NEW with the options and on the peers of OLD",
		Long: "Pin NEW with the options and on the peers of OLD. It costs little when the two have most blocks in common. OLD stays\n" +
			"pinned unless --unpin is given.",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: g.completePins,
	}
	cmd.Flags().StringVarP(&name, "name", "n", "", "`name` of the new pin (default that of the old one)")
	cmd.Flags().BoolVar(&unpin, "unpin", false, "remove the pin of OLD afterwards, and with --wait when NEW is held")
	cmd.Flags().BoolVar(&wait, "wait", false, waitHelp)
	return g.command(cmd, func(ctx context.Context, s *session, args []string) error {
		if _, err := api.DecodeCid(args[0]); err != nil {
			return usagef("CID %q: %w", args[0], err)
		}
		if err := checkTargets(args[1:]); err != nil {
			return err
		}
		query := url.Values{"pin-update": {args[0]}}
		if name != "" {
			query.Set("name", name)
		}
		pin, err := s.api.Pin(ctx, args[1], query)
		if err != nil {
			return about(args[0], err)
		}
		if err := s.changed("pinned", pin); err != nil {
			return err
		}
		if wait {
			if err := awaitHolders(ctx, s, cidsOf([]api.Pin{pin})); err != nil {
				return err
			}
		}
		if !unpin || pin.Cid.String() == args[0] {
			return nil
		}
		old, err := s.api.Unpin(ctx, args[0])
		if err != nil {
			return about(args[0], err)
		}
		return s.changed("unpinned", old)
	})
}

// changed prints a change of the pinset.
func (s *session) changed(what string, pin api.Pin) error {
	switch {
	case s.json:
		return s.object(pin)
	case s.quiet:
		s.printf("%s", pin.Cid)
	case pin.Name != "":
		s.printf("%s %s %s", what, pin.Cid, printable(pin.Name))
	default:
		s.printf("%s %s", what, pin.Cid)
	}
	return nil
}

// fromInput tells whether the CIDs come from standard input.
func fromInput(args []string) bool { return len(args) == 1 && args[0] == "-" }

// checkTargets finds faults in what the user names before anything is changed.
func checkTargets(args []string) error {
	for _, name := range args {
		if strings.HasPrefix(name, "/") || (name == "-" && len(args) == 1) {
			continue // the peer knows what a path may be
		}
		if _, err := api.DecodeCid(name); err != nil {
			return usagef("CID %q: %w", name, err)
		}
	}
	return nil
}

func cidsOf(pins []api.Pin) []string {
	cids := make([]string, len(pins))
	for i, pin := range pins {
		cids[i] = pin.Cid.String()
	}
	return cids
}

// about adds to an error what it concerns.
func about(name string, err error) error { return fmt.Errorf("%s: %w", name, err) }
