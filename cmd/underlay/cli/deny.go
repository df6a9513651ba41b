package cli

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/underlay/underlay/internal/denial"
	"github.com/underlay/underlay/internal/human"
)

func denyCommand(g *globals) *cobra.Command {
	return family(&cobra.Command{
		Use:   "deny",
		Short: "Keep content from the public, on the gateways of all peers",
		Long: "Keep content from the public, on the gateways of all peers. A RULE is a CID, a path that begins with /ipfs/ or /ipns/, or\n" +
			"// and the hash of one, as in denylists. What is below a path is denied, too; what a CID denies, is denied wherever it\n" +
			"appears. The private APIs still have all of it.",
	}, denyAddCommand(g), denyRemoveCommand(g), denyListCommand(g))
}

func denyAddCommand(g *globals) *cobra.Command {
	var reason string
	var legal bool
	cmd := &cobra.Command{
		Use:   "add RULE...",
		Short: "Deny something",
		Long: "Deny something. If that is denied already, this rule takes the place of the one before. A CDN that the settings name is\n" +
			"told to forget it.",
		Example: "  underlay deny add --reason='ticket 17' bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi\n" +
			"  underlay deny add --legal /ipns/example.org/page.html",
		Args: cobra.MinimumNArgs(1),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "say `why`, to the operators")
	cmd.Flags().BoolVar(&legal, "legal", false, "answer 451, unavailable for legal reasons (default what the settings say)")
	return g.command(cmd, func(ctx context.Context, s *session, args []string) error {
		status := 0
		if legal {
			status = http.StatusUnavailableForLegalReasons
		}
		for _, rule := range args {
			made, err := s.api.Deny(ctx, rule, status, reason)
			switch {
			case err != nil:
				return about(rule, err)
			case s.json:
				err = s.object(made)
			case s.quiet:
				s.printf("%s", printable(made.Rule))
			default:
				s.printf("denied %s", printable(made.Rule))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// allowed is what deny rm prints for machines.
type allowed struct {
	Rule    string `json:"rule"`
	Removed bool   `json:"removed"`
}

func denyRemoveCommand(g *globals) *cobra.Command {
	return g.command(&cobra.Command{
		Use:               "rm RULE...",
		Short:             "No longer deny something",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: g.completeRules,
	}, func(ctx context.Context, s *session, args []string) error {
		for _, rule := range args {
			err := s.api.Allow(ctx, rule)
			switch {
			case err != nil:
				return about(rule, err)
			case s.json:
				err = s.object(allowed{Rule: rule, Removed: true})
			case !s.quiet:
				s.printf("no longer denied: %s", printable(rule))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func denyListCommand(g *globals) *cobra.Command {
	return g.command(&cobra.Command{
		Use:   "ls",
		Short: "List the cluster's own rules, those of denylists aside",
		Args:  cobra.NoArgs,
	}, func(ctx context.Context, s *session, _ []string) error {
		all, err := s.api.Denied(ctx)
		if err != nil {
			return err
		}
		var t *table
		if !s.json && !s.quiet {
			t = s.table("RULE", "STATUS", "MADE", "BY", "REASON")
		}
		now := time.Now()
		for _, r := range all {
			switch {
			case s.json:
				err = s.object(r)
			case s.quiet:
				s.printf("%s", printable(r.Rule))
			default:
				err = t.row(r.Rule, statusOf(r), human.Ago(r.At, now), r.By, r.Reason)
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

func statusOf(r denial.Rule) string {
	if r.Status == 0 {
		return "default"
	}
	return strconv.Itoa(r.Status)
}

// completeRules offers the cluster's rules, with their reasons.
func (g *globals) completeRules(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var rules []cobra.Completion
	g.offer(cmd, func(ctx context.Context, s *session) error {
		all, err := s.api.Denied(ctx)
		for _, r := range all {
			rules = append(rules, cobra.CompletionWithDesc(printable(r.Rule), printable(r.Reason)))
		}
		return err
	})
	return rules, cobra.ShellCompDirectiveNoFileComp
}
