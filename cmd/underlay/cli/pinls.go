package cli

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/spf13/cobra"

	"github.com/underlay/underlay/internal/client"
	"github.com/underlay/underlay/internal/human"
)

// listOptions choose pins and say how they are listed.
type listOptions struct {
	statuses []string
	prefix   string
	meta     []string
	limit    int
	stale    bool
}

// selection is what the peer selects.
func (o listOptions) selection() (client.Selection, error) {
	s := client.Selection{NamePrefix: o.prefix, Meta: make(map[string]string)}
	for _, pair := range o.meta {
		key, value, _ := strings.Cut(pair, "=")
		if key == "" {
			return s, usagef("--meta is written key=value or key, not %q", pair)
		}
		s.Meta[key] = value
	}
	return s, nil
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
			"  underlay pin ls --json --meta=owner=ann | jq -r .cid",
		ValidArgsFunction: g.completePins,
	}
	cmd.Flags().StringSliceVar(&o.statuses, "status", nil, "only pins with one of these `statuses` on a peer: pinned, pinning, queued, error, ...")
	cmd.Flags().StringVar(&o.prefix, "prefix", "", "only pins whose name begins with this `text`")
	cmd.Flags().StringArrayVar(&o.meta, "meta", nil, "only pins with this metadata, `key=value` or key; may be repeated")
	cmd.Flags().IntVar(&o.limit, "limit", 0, "end after so many pins (default never)")
	cmd.Flags().BoolVar(&o.stale, "stale", false, "with --status: from what the peer knows, also without a quorum")
	// The only fault would be a flag that there is not.
	_ = cmd.RegisterFlagCompletionFunc("status", completeStatuses)
	return g.command(cmd, func(ctx context.Context, s *session, args []string) error {
		selection, err := o.selection()
		switch {
		case err != nil:
			return err
		case len(args) > 0 && (len(o.statuses) > 0 || o.prefix != "" || len(o.meta) > 0):
			return usagef("filters go with no CID; see also \"underlay status CID\"")
		case len(args) > 0:
			return listNamed(ctx, s, args)
		case len(o.statuses) > 0:
			return listStatuses(ctx, s, selection, o)
		}
		list := newPinList(s, o.limit)
		return list.end(s.api.Allocations(ctx, selection, list.add))
	})
}

func listNamed(ctx context.Context, s *session, args []string) error {
	if err := checkTargets(args); err != nil {
		return err
	}
	list := newPinList(s, 0)
	for _, name := range args {
		pin, err := s.api.Allocation(ctx, name)
		if err == nil {
			err = list.add(pin)
		}
		if err != nil {
			return list.end(about(name, err))
		}
	}
	return list.end(nil)
}

// pinList prints pins one after the other.
type pinList struct {
	s    *session
	t    *table // for people
	left int    // how many more are wanted, if that is limited
	now  time.Time
}

func newPinList(s *session, limit int) *pinList {
	l := &pinList{s: s, left: limit, now: time.Now()}
	if !s.json && !s.quiet {
		l.t = s.table("CID", "NAME", "MODE", "COPIES", "PINNED", "EXPIRES")
	}
	return l
}

func (l *pinList) add(pin api.Pin) (err error) {
	switch {
	case l.s.json:
		err = l.s.object(pin)
	case l.s.quiet:
		l.s.printf("%s", pin.Cid)
	default:
		err = l.t.row(pin.Cid.String(), cmp.Or(pin.Name, "-"), pin.Mode.String(), copies(pin), human.Ago(pin.Timestamp, l.now), human.Within(pin.ExpireAt, l.now))
	}
	return l.counted(err)
}

// counted ends the list with errEnough when it is as long as was wanted.
func (l *pinList) counted(err error) error {
	if l.left--; l.left == 0 {
		return cmp.Or(err, errEnough)
	}
	return err
}

// end ends the table, also when the list ends with an error.
func (l *pinList) end(err error) error {
	if errors.Is(err, errEnough) {
		err = nil
	}
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

func listStatuses(ctx context.Context, s *session, selection client.Selection, o listOptions) error {
	for _, name := range o.statuses {
		if api.TrackerStatusFromString(name) == api.TrackerStatusUndefined {
			return usagef("--status: there is no status %q", name)
		}
	}
	list := &pinList{s: s, left: o.limit}
	if !s.json && !s.quiet {
		list.t = s.table("CID", "NAME", "HELD", "PEERS", "FAULT")
	}
	options := client.StatusOptions{Selection: selection, Filter: strings.Join(o.statuses, ","), Stale: o.stale}
	return list.end(s.api.StatusAll(ctx, options, list.addStatus))
}

func (l *pinList) addStatus(info client.PinStatus) (err error) {
	switch {
	case l.s.json:
		err = l.s.object(info)
	case l.s.quiet:
		l.s.printf("%s", info.Cid)
	default:
		peers, fault := standing(info)
		have, want := holders(info)
		err = l.t.row(info.Cid, cmp.Or(info.Name, "-"), strconv.Itoa(have)+"/"+strconv.Itoa(want), peers, fault)
	}
	return l.counted(err)
}

// standing sums up how the peers stand with a pin: how many of each status, and one of the faults.
func standing(info client.PinStatus) (peers, fault string) {
	count := make(map[string]int)
	for id, p := range info.Peers {
		count[string(p.Status)]++
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
