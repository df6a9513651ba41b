package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/underlay/underlay/internal/client"
	"github.com/underlay/underlay/internal/human"
)

// grants are the credentials of one kind, for the commands that are the same for both.
type grants struct {
	*globals
	kind  client.Credentials
	noun  string // in the singular
	arg   string // how the usage names one
	heads []string
	name  func(client.Grant) string // by which commands call one
	more  func(client.Grant) []string
}

func tokens(g *globals) grants {
	return grants{g, client.Tokens, "token", "ID", []string{"ID", "NAME"},
		func(c client.Grant) string { return c.ID }, func(c client.Grant) []string { return []string{c.ID, c.Name} }}
}

func users(g *globals) grants {
	return grants{g, client.Users, "user", "NAME", []string{"NAME"},
		func(c client.Grant) string { return c.Name }, func(c client.Grant) []string { return []string{c.Name} }}
}

func (k grants) listCommand() *cobra.Command {
	return k.command(&cobra.Command{
		Use:   "ls",
		Short: "List the " + k.noun + "s, without their secrets, and what they keep",
		Args:  cobra.NoArgs,
	}, func(ctx context.Context, s *session, _ []string) error {
		all, err := s.api.Grants(ctx, k.kind)
		if err != nil {
			return err
		}
		if s.json || s.quiet {
			return k.each(s, all)
		}
		t, now := s.table(append(k.heads, "SCOPES", "MADE", "BY", "EXPIRES", "PINS", "BYTES")...), time.Now()
		for _, grant := range all {
			pins, bytes := quotaCells(grant.Quota)
			row := append(k.more(grant), strings.Join(grant.Scopes, ","), human.Ago(grant.Created, now),
				cmp.Or(grant.Parent, grant.CreatedBy), expiry(grant.Expires, now), pins, bytes)
			if err := t.row(row...); err != nil {
				return err
			}
		}
		return t.end()
	})
}

// each prints the credentials for machines.
func (k grants) each(s *session, all []client.Grant) error {
	for _, grant := range all {
		if !s.json {
			s.printf("%s", k.name(grant))
		} else if err := s.object(grant); err != nil {
			return err
		}
	}
	return nil
}

func expiry(at *time.Time, now time.Time) string {
	if at == nil {
		return "never"
	}
	return human.Within(*at, now)
}

// revoked is what the commands that revoke print for machines.
type revoked struct {
	ID      string `json:"id,omitempty"`   // of a token
	Name    string `json:"name,omitempty"` // of a user
	Revoked bool   `json:"revoked"`
}

func (k grants) removeCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:               "rm " + k.arg + "...",
		Short:             "Revoke " + k.noun + "s, on all peers at once; what they have pinned stays",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: k.complete,
	}
	cmd.Flags().BoolVar(&force, "force", false, "also the last one that may make others")
	return k.command(cmd, func(ctx context.Context, s *session, args []string) error {
		for _, id := range args {
			err := s.api.Revoke(ctx, k.kind, id, force)
			if answer, ok := errors.AsType[*client.Error](err); ok && answer.Status == http.StatusConflict {
				err = fmt.Errorf("%w (--force does it)", err)
			}
			gone := revoked{ID: id, Revoked: true}
			if k.kind == client.Users {
				gone.ID, gone.Name = "", id
			}
			switch {
			case err != nil:
				return about(id, err)
			case s.json:
				err = s.object(gone)
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

func (k grants) updateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "update " + k.arg,
		Short:             "Change what a " + k.noun + " allows, when it ends, or how much it may keep",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: k.complete,
	}
	flags := addGrantFlags(cmd, true)
	return k.command(cmd, func(ctx context.Context, s *session, args []string) error {
		change, err := flags.change()
		if err != nil {
			return err
		}
		return k.put(ctx, s, args[0], change)
	})
}

// put changes a credential and tells so.
func (k grants) put(ctx context.Context, s *session, id string, change client.GrantChange) error {
	changed, err := s.api.Change(ctx, k.kind, id, change)
	switch {
	case err != nil:
		return about(id, err)
	case s.json:
		return s.object(changed)
	case !s.quiet:
		s.printf("changed %s", id)
	}
	return nil
}

// complete offers what the credentials are called, with the names of tokens.
func (k grants) complete(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var found []cobra.Completion
	k.offer(cmd, func(ctx context.Context, s *session) error {
		all, err := s.api.Grants(ctx, k.kind)
		for _, grant := range all {
			found = append(found, cobra.CompletionWithDesc(k.name(grant), printable(grant.Name)))
		}
		return err
	})
	return found, cobra.ShellCompDirectiveNoFileComp
}
