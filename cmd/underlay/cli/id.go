package cli

import (
	"context"

	"github.com/spf13/cobra"
)

func idCommand(g *globals) *cobra.Command {
	return g.command(&cobra.Command{
		Use:   "id",
		Short: "Show the peer that answers: its names, versions and addresses",
		Args:  cobra.NoArgs,
	}, showID)
}

func showID(ctx context.Context, s *session, _ []string) error {
	id, err := s.api.ID(ctx)
	if err != nil {
		return err
	}
	if s.json {
		return s.object(id)
	}
	if s.quiet {
		s.printf("%s", id.ID)
		return nil
	}
	for _, line := range []struct{ name, value string }{
		{"Peer", id.Peername},
		{"ID", id.ID.String()},
		{"Version", id.Version},
		{"API", s.api.URL()},
		{"IPFS node", id.IPFS.ID.String()},
		{"Fault", id.Error + id.IPFS.Error},
	} {
		if line.value != "" {
			s.printf("%-10s %s", line.name, printable(line.value))
		}
	}
	for _, part := range []struct {
		name string
		list []string
	}{{"Addresses of the peer", addresses(id.Addresses)}, {"Addresses of its IPFS node", addresses(id.IPFS.Addresses)}} {
		s.printf("\n%s:", part.name)
		for _, address := range part.list {
			s.printf("  %s", address)
		}
	}
	return nil
}

// addresses writes out multiaddrs.
func addresses[A interface{ String() string }](list []A) []string {
	texts := make([]string, len(list))
	for i, a := range list {
		texts[i] = a.String()
	}
	return texts
}
