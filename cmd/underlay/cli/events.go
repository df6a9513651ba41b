package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/underlay/underlay/internal/client"
)

// reconnectPause is between the end of a connection and the next.
const reconnectPause = time.Second

func eventsCommand(g *globals) *cobra.Command {
	var since uint64
	var most int
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Follow what happens in the cluster",
		Long: "Follow what happens in the cluster, until interrupted or until --timeout: pins that are made and removed, how far peers\n" +
			"are with them, members that come and go. When the connection breaks it goes on where it was.",
		Example: "  underlay events --json | jq -r 'select(.type == \"pinned\") | .cid'\n" +
			"  underlay events --since=4711 --count=1",
		Args: cobra.NoArgs,
	}
	cmd.Flags().Uint64Var(&since, "since", 0, "begin behind the event with this `index` (default with the next that happens)")
	cmd.Flags().IntVar(&most, "count", 0, "end after so many events (default never)")
	return g.command(cmd, func(ctx context.Context, s *session, _ []string) error {
		f := follower{s: s, left: most}
		if cmd.Flags().Changed("since") {
			f.since = &since
		}
		return f.run(ctx)
	})
}

// errEnough ends the events when as many have come as were wanted.
var errEnough = errors.New("enough events")

// follower prints events over as many connections as it takes.
type follower struct {
	s     *session
	since *uint64 // the last event that was printed
	left  int     // how many are still wanted, if that was limited
}

func (f *follower) run(ctx context.Context) error {
	for connected := false; ; {
		err := f.s.api.Events(ctx, f.since, f.print)
		cut := errors.Is(err, client.ErrCutOff)
		connected = connected || cut
		switch {
		case errors.Is(err, errEnough), connected && ctx.Err() != nil:
			return nil
		case !connected, !errors.Is(err, client.ErrUnreachable):
			return err
		case cut:
			f.s.note("%v; trying again", err)
		}
		if !pause(ctx, reconnectPause) {
			return nil
		}
	}
}

func (f *follower) print(e client.Event, raw []byte) error {
	index := e.Index
	f.since = &index
	if err := f.line(e, raw); err != nil {
		return err
	}
	if f.left--; f.left == 0 {
		return errEnough
	}
	return nil
}

func (f *follower) line(e client.Event, raw []byte) error {
	if f.s.json {
		var line bytes.Buffer
		if err := json.Compact(&line, raw); err != nil {
			return fmt.Errorf("print event %d: %w", e.Index, err)
		}
		line.WriteByte('\n')
		_, err := f.s.out.Write(line.Bytes())
		return err
	}
	if f.s.quiet {
		f.s.printf("%d", e.Index)
		return nil
	}
	f.s.printf("%s  %-8d %-10s %s", e.At.Local().Format(time.DateTime), e.Index, e.Type,
		printable(joined(e.Cid, e.Name, e.Peer, e.Status)))
	return nil
}

// joined writes those of the words that there are.
func joined(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(word string) bool { return word == "" }), " ")
}
