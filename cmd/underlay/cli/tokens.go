package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/underlay/underlay/internal/client"
)

func tokenCommand(g *globals) *cobra.Command {
	k := tokens(g)
	return family(&cobra.Command{
		Use:   "token",
		Short: "Make, list, change and revoke access tokens",
		Long: "Make, list, change and revoke access tokens. As soon as one exists, every request needs a credential; the first one must\n" +
			"have the scope admin. A scope is read, pin, add or admin.",
	}, tokenCreateCommand(g), k.listCommand(), k.updateCommand(), k.removeCommand(), tokenSelfCommand(g))
}

func tokenCreateCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a token and show it, once",
		Long: "Make a token and show it, once: the cluster keeps only its hash. NAME says to people what it is for. With --quiet only\n" +
			"the token is printed.",
		Example: "  underlay token create --scope=admin me\n" +
			"  export UNDERLAY_TOKEN=$(underlay token create -q --scope=add,pin --expire-in=720h ci)\n" +
			"  underlay token create --scope=add --max-pins=1000 --max-bytes=50GB uploads",
		Args: cobra.ExactArgs(1),
	}
	flags := addGrantFlags(cmd, false)
	return g.command(cmd, func(ctx context.Context, s *session, args []string) error {
		wanted, err := flags.request(args[0])
		if err != nil {
			return err
		}
		made, err := s.api.Grant(ctx, client.Tokens, wanted)
		switch {
		case err != nil:
			return err
		case s.json:
			return s.object(made)
		}
		s.printf("%s", made.Token)
		s.note("this is token %s; it is not shown again", made.ID)
		return nil
	})
}

func tokenSelfCommand(g *globals) *cobra.Command {
	return g.command(&cobra.Command{
		Use:   "self",
		Short: "Show whom the peer takes you for, what you may do, and what you keep",
		Args:  cobra.NoArgs,
	}, func(ctx context.Context, s *session, _ []string) error {
		self, err := s.api.Self(ctx)
		switch {
		case err != nil:
			return err
		case s.json:
			return s.object(self)
		}
		s.printf("%s: %s, expires %s", printable(joined(self.Kind, self.ID, self.Name)), strings.Join(self.Scopes, ","), expiry(self.Expires, time.Now()))
		if self.Used != nil {
			pins, bytes := quotaCells(self.Quota)
			s.printf("keeps pins: %s, bytes: %s", pins, bytes)
		}
		return nil
	})
}
