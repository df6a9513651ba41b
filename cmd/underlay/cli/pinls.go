package cli

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/spf13/cobra"

	"github.com/underlay/underlay/internal/client"
)

// listOptions choose pins and say how they are listed.
type listOptions struct {
	statuses []string
	prefix   string
	stale    bool
}

func pinListCommand(g *globals) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:   "ls [CID...]",
		Short: "List pins",
		Long: "List pins: those that are named, or all. They are printed as they come, so that the list may be of any length. With\n" +
			"--status it lists how far the peers are with them; \"underlay status CID\" tells all of one.",
		Example: "  underlay pin ls --prefix=website-\n" +
			"  underlay pin ls --status=error,queued\n" +
			"  underlay pin ls --json | jq -r 'select(.metadata.owner == \"ann\") | .cid'",
		ValidArgsFunction: g.completePins,
	}
	cmd.Flags().StringSliceVar(&o.statuses, "status", nil, "only pins with one of these `statuses` on a peer: pinned, pinning, queued, error, ...")
	cmd.Flags().StringVar(&o.prefix, "prefix", "", "only pins whose name begins with this `text`")
	cmd.Flags().BoolVar(&o.stale, "stale", false, "with --status: from what the peer knows, also without a quorum")
	// The only fault would be a flag that there is not.
	_ = cmd.RegisterFlagCompletionFunc("status", completeStatuses)
	return g.command(cmd, func(ctx context.Context, s *session, args []string) error {
		switch {
		case len(args) > 0 && len(o.statuses) > 0:
			return usagef("--status goes with no CID; see \"underlay status CID\"")
		case len(args) > 0:
			return listNamed(ctx, s, args, o)
		case len(o.statuses) > 0:
			return listStatuses(ctx, s, o)
		}
		list := newPinList(s)
		err := s.api.Allocations(ctx, func(pin api.Pin) error { return list.add(pin, o) })
		return list.end(err)
	})
}

func listNamed(ctx context.Context, s *session, args []string, o listOptions) error {
	if err := checkTargets(args); err != nil {
		return err
	}
	list := newPinList(s)
	for _, name := range args {
		pin, err := s.api.Allocation(ctx, name)
		if err == nil {
			err = list.add(pin, o)
		}
		if err != nil {
			return list.end(about(name, err))
		}
	}
	return list.end(nil)
}

// pinList prints pins one after the other.
type pinList struct {
	s   *session
	t   *table
	now time.Time
}

func newPinList(s *session) *pinList {
	l := &pinList{s: s, now: time.Now()}
	if !s.json && !s.quiet {
		l.t = s.table("CID", "NAME", "MODE", "COPIES", "PINNED", "EXPIRES")
	}
	return l
}

func (l *pinList) add(pin api.Pin, o listOptions) error {
	switch {
	case !strings.HasPrefix(pin.Name, o.prefix):
		return nil
	case l.s.json:
		return l.s.object(pin)
	case l.s.quiet:
		l.s.printf("%s", pin.Cid)
		return nil
	}
	return l.t.row(pin.Cid.String(), cmp.Or(pin.Name, "-"), pin.Mode.String(), copies(pin), ago(pin.Timestamp, l.now), within(pin.ExpireAt, l.now))
}

// end ends the table, also when the list ends with an error.
func (l *pinList) end(err error) error {
	if l.t == nil || (err != nil && l.t.widths == nil && len(l.t.rows) == 1) { // nothing but the heads
		return err
	}
	return cmp.Or(err, l.t.end())
}

// copies says how many peers hold a pin.
func copies(pin api.Pin) string {
	low, high := pin.ReplicationFactorMin, pin.ReplicationFactorMax
	switch {
	case high < 0:
		return "all"
	case low == high || low == 0:
		return strconv.Itoa(high)
	}
	return strconv.Itoa(low) + "-" + strconv.Itoa(high)
}

func listStatuses(ctx context.Context, s *session, o listOptions) error {
	for _, name := range o.statuses {
		if api.TrackerStatusFromString(name) == api.TrackerStatusUndefined {
			return usagef("--status: there is no status %q", name)
		}
	}
	var t *table
	if !s.json && !s.quiet {
		t = s.table("CID", "NAME", "HELD", "PEERS", "FAULT")
	}
	err := s.api.StatusAll(ctx, client.StatusOptions{Filter: strings.Join(o.statuses, ","), Stale: o.stale}, func(info api.GlobalPinInfo) error {
		switch {
		case !strings.HasPrefix(info.Name, o.prefix):
			return nil
		case s.json:
			return s.object(info)
		case s.quiet:
			s.printf("%s", info.Cid)
			return nil
		}
		peers, fault := standing(info)
		have, want := holders(info)
		return t.row(info.Cid.String(), cmp.Or(info.Name, "-"), strconv.Itoa(have)+"/"+strconv.Itoa(want), peers, fault)
	})
	if t == nil {
		return err
	}
	return cmp.Or(err, t.end())
}

// standing sums up how the peers stand with a pin: how many of each status, and one of the faults.
func standing(info api.GlobalPinInfo) (peers, fault string) {
	count := make(map[string]int)
	for id, p := range info.PeerMap {
		count[p.Status.String()]++
		if p.Error != "" {
			fault = peerLabel(id, p) + ": " + p.Error
		}
	}
	var parts []string
	for status, n := range count {
		parts = append(parts, strconv.Itoa(n)+" "+status)
	}
	slices.Sort(parts)
	return strings.Join(parts, ", "), fault
}
