package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/underlay/underlay/internal/client"
	"github.com/underlay/underlay/internal/pause"
)

// reconnectPause is between the end of a connection and the next.
const reconnectPause = time.Second

func eventsCommand(g *globals) *cobra.Command {
	var f follower
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Follow what happens in the cluster",
		Long: "Follow what happens in the cluster, until interrupted or until --timeout: pins that are made and removed, how far peers\n" +
			"are with them, members that come and go. When the connection breaks it goes on where it was, on whichever peer answers.",
		Example: "  underlay events --type=pinned --json | jq -r .cid\n" +
			"  underlay events --since=4711 --count=1",
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.Since, "since", "", "begin behind the event with this `index` or id (default with the next that happens)")
	flags.StringSliceVar(&f.Types, "type", nil, "only events of these `types`: pinned, unpinned, status, membership")
	flags.IntVar(&f.left, "count", 0, "end after so many events (default never)")
	// The only fault would be a flag that there is not.
	_ = cmd.RegisterFlagCompletionFunc("type", cobra.FixedCompletions(
		[]string{"pinned", "unpinned", "status", "membership"}, cobra.ShellCompDirectiveNoFileComp))
	return g.command(cmd, func(ctx context.Context, s *session, _ []string) error {
		f.s, f.names = s, make(map[string]string)
		if !s.json && !s.quiet {
			ids, _ := members(ctx, s) // without names the IDs are shown
			for _, id := range ids {
				f.names[id.ID.String()] = id.Peername
			}
		}
		return f.run(ctx)
	})
}

// errEnough ends a stream when as much has come as was wanted.
var errEnough = errors.New("enough has come")

// follower prints events over as many connections as it takes.
type follower struct {
	client.EventOptions // what comes next
	s                   *session
	left                int // how many are still wanted, if that was limited
	started             bool
	names               map[string]string // of the peers, by ID, for people
}

func (f *follower) run(ctx context.Context) error {
	for connected := false; ; {
		err := f.s.api.Events(ctx, f.EventOptions, f.print)
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
		if !pause.For(ctx, reconnectPause) {
			return nil
		}
	}
}

func (f *follower) print(e client.Event, raw []byte) error {
	again := e.Type == client.TypeStart && f.started
	f.started = true
	if e.ID != "" {
		f.Since = e.ID
	}
	if again {
		return nil // after a new connection it tells nothing new
	}
	if err := f.line(e, raw); err != nil || e.Type == client.TypeStart {
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
	switch {
	case e.Type == client.TypeStart:
	case f.s.quiet:
		f.s.printf("%s", cmp.Or(e.Cid, e.Peer))
	default:
		f.s.printf("%s  %-10s  %s", e.At.Local().Format(time.DateTime), e.Type, printable(joined(e.Cid, e.Name, f.peer(e), e.Status, e.Error)))
	}
	return nil
}

// peer is what a person calls the peer that an event is of; nothing if the event calls it so already.
func (f *follower) peer(e client.Event) string {
	name := cmp.Or(f.names[e.Peer], e.Peer)
	if name == e.Name {
		return ""
	}
	return name
}

// joined writes those of the words that there are.
func joined(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(word string) bool { return word == "" }), " ")
}
