package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/underlay/underlay/internal/client"
)

func tokenCommand(g *globals) *cobra.Command {
	return family(&cobra.Command{
		Use:   "token",
		Short: "Make, list and revoke access tokens",
		Long: "Make, list and revoke access tokens. As soon as one exists, every request needs a credential; the first one must have\n" +
			"the scope admin. A scope is read, pin, add or admin.",
	}, tokenCreateCommand(g), tokenListCommand(g), tokenRemoveCommand(g), tokenSelfCommand(g))
}

func tokenCreateCommand(g *globals) *cobra.Command {
	var r client.GrantRequest
	var expireIn time.Duration
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a token and show it, once",
		Long: "Make a token and show it, once: the cluster keeps only its hash. NAME says to people what it is for. With --quiet only\n" +
			"the token is printed.",
		Example: "  underlay token create --scope=admin me\n" +
			"  export UNDERLAY_TOKEN=$(underlay token create -q --scope=add,pin --expire-in=720h ci)",
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().StringSliceVar(&r.Scopes, "scope", nil, "what it `allows`: read, pin, add or admin; may be repeated")
	cmd.Flags().DurationVar(&expireIn, "expire-in", 0, "end it after this `time`, such as 720h (default never)")
	// The only fault would be a flag that there is not.
	_ = cmd.RegisterFlagCompletionFunc("scope", cobra.FixedCompletions(scopes(), cobra.ShellCompDirectiveNoFileComp))
	return g.command(cmd, func(ctx context.Context, s *session, args []string) error {
		if len(r.Scopes) == 0 {
			return usagef("--scope: say what the token allows: %s", strings.Join(scopes(), ", "))
		}
		for _, scope := range r.Scopes {
			if !slices.Contains(scopes(), scope) {
				return usagef("--scope: there is no scope %q; there are %s", scope, strings.Join(scopes(), ", "))
			}
		}
		r.Name = args[0]
		if expireIn != 0 {
			r.ExpireIn = expireIn.String()
		}
		made, err := s.api.Grant(ctx, client.Tokens, r)
		switch {
		case err != nil:
			return err
		case s.json:
			return s.object(made)
		case s.quiet:
			s.printf("%s", made.Token)
			return nil
		}
		s.printf("%s", made.Token)
		s.note("this is token %s; it is not shown again", made.ID)
		return nil
	})
}

func scopes() []string { return []string{"read", "pin", "add", "admin"} }

func tokenListCommand(g *globals) *cobra.Command {
	return g.command(&cobra.Command{
		Use:   "ls",
		Short: "List the tokens, without their secrets",
		Args:  cobra.NoArgs,
	}, func(ctx context.Context, s *session, _ []string) error {
		all, err := s.api.Grants(ctx, client.Tokens)
		if err != nil {
			return err
		}
		var t *table
		if !s.json && !s.quiet {
			t = s.table("ID", "NAME", "SCOPES", "MADE", "BY", "EXPIRES")
		}
		now := time.Now()
		for _, grant := range all {
			switch {
			case s.json:
				err = s.object(grant)
			case s.quiet:
				s.printf("%s", grant.ID)
			default:
				err = t.row(grant.ID, grant.Name, strings.Join(grant.Scopes, ","), ago(grant.Created, now),
					cmp.Or(grant.Parent, grant.CreatedBy), expiry(grant.Expires, now))
			}
			if err != nil {
				return err
			}
		}
		if t == nil {
			return nil
		}
		return t.end()
	})
}

func expiry(at *time.Time, now time.Time) string {
	if at == nil {
		return "never"
	}
	return within(*at, now)
}

// revoked is what token rm prints for machines.
type revoked struct {
	ID      string `json:"id"`
	Revoked bool   `json:"revoked"`
}

func tokenRemoveCommand(g *globals) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:               "rm ID...",
		Short:             "Revoke tokens, on all peers at once",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: g.completeTokens,
	}
	cmd.Flags().BoolVar(&force, "force", false, "also the last one that may make others")
	return g.command(cmd, func(ctx context.Context, s *session, args []string) error {
		for _, id := range args {
			err := s.api.Revoke(ctx, client.Tokens, id, force)
			if answer, ok := errors.AsType[*client.Error](err); ok && answer.Status == http.StatusConflict {
				err = fmt.Errorf("%w (--force does it)", err)
			}
			switch {
			case err != nil:
				return about(id, err)
			case s.json:
				err = s.object(revoked{ID: id, Revoked: true})
			case !s.quiet:
				s.printf("revoked %s", id)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func tokenSelfCommand(g *globals) *cobra.Command {
	return g.command(&cobra.Command{
		Use:   "self",
		Short: "Show whom the peer takes you for, and what you may do",
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
		return nil
	})
}

// completeTokens offers the IDs of the tokens, with their names.
func (g *globals) completeTokens(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var ids []cobra.Completion
	g.offer(cmd, func(ctx context.Context, s *session) error {
		all, err := s.api.Grants(ctx, client.Tokens)
		for _, grant := range all {
			ids = append(ids, cobra.CompletionWithDesc(grant.ID, printable(grant.Name)))
		}
		return err
	})
	return ids, cobra.ShellCompDirectiveNoFileComp
}
