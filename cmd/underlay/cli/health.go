package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/spf13/cobra"

	"github.com/underlay/underlay/internal/client"
)

func healthCommand(g *globals) *cobra.Command {
	return g.command(&cobra.Command{
		Use:   "health",
		Short: "Say whether the peer takes part in the cluster",
		Long: "Say whether the peer takes part in the cluster: the exit code is 0 if it does, and 4 if it does not or does not answer.\n" +
			"\"underlay status\" shows the others.",
		Args: cobra.NoArgs,
	}, showHealth)
}

// health is what the command prints for machines.
type health struct {
	Healthy   bool              `json:"healthy"`
	Reason    string            `json:"reason,omitempty"`
	Consensus *client.Consensus `json:"consensus,omitempty"`
	Alerts    []api.Alert       `json:"alerts"`
}

func showHealth(ctx context.Context, s *session, _ []string) error {
	fault := s.api.Health(ctx)
	if answer, ok := errors.AsType[*client.Error](fault); fault != nil && (!ok || answer.Status != http.StatusServiceUnavailable) {
		return fault
	}
	h := health{Healthy: fault == nil, Alerts: []api.Alert{}}
	if fault != nil {
		h.Reason = fault.Error()
	}
	if known, err := s.api.Consensus(ctx); err == nil {
		h.Consensus = &known
	}
	if alerts, err := s.api.Alerts(ctx); err == nil && alerts != nil {
		h.Alerts = alerts
	}
	switch {
	case s.json:
		if err := s.object(h); err != nil {
			return err
		}
	case !s.quiet:
		h.print(s)
	}
	return fault
}

func (h health) print(s *session) {
	if h.Healthy {
		s.printf("The peer at %s takes part in the cluster.", s.api.URL())
	} else {
		s.printf("The peer at %s does not take part in the cluster.", s.api.URL())
	}
	if c := h.Consensus; c != nil {
		leader := "none is known"
		switch {
		case c.Leader == c.ID:
			leader = "this peer"
		case c.Leader != "":
			leader = fmt.Sprintf("%s, heard %d ms ago", c.Leader, c.LastContactMs)
		}
		s.printf("Leader   %s\nRole     %s, term %d\nApplied  entry %d, the log ends at %d", leader, c.State, c.Term, c.Applied, c.LastIndex)
	}
	for _, a := range h.Alerts {
		s.printf("Alert    %s of %s ran out at %s", a.Name, a.Peer, a.TriggeredAt.Format("15:04:05"))
	}
}
