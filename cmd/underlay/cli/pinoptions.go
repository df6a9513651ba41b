package cli

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// pinOptions are the flags of a pin, which add has too.
type pinOptions struct {
	name                                 string
	replication, replicationMin, replMax int
	on                                   []string
	expireIn                             time.Duration
	meta                                 []string
}

// pinFlags gives cmd the flags.
func pinFlags(g *globals, cmd *cobra.Command) *pinOptions {
	o := &pinOptions{}
	flags := cmd.Flags()
	flags.StringVarP(&o.name, "name", "n", "", "`name` of the pin")
	flags.IntVar(&o.replication, "replication", 0, "how many peers hold it; -1: all (default as the cluster is set)")
	flags.IntVar(&o.replicationMin, "replication-min", 0, "how many peers must hold it, if that differs")
	flags.IntVar(&o.replMax, "replication-max", 0, "how many peers should hold it, if that differs")
	flags.StringSliceVar(&o.on, "on", nil, "`peers` that hold it, by name or ID; may be repeated")
	flags.DurationVar(&o.expireIn, "expire-in", 0, "unpin it after this `time`, such as 72h")
	flags.StringArrayVar(&o.meta, "meta", nil, "metadata, `key=value`; may be repeated")
	// The only fault would be a flag that there is not.
	_ = cmd.RegisterFlagCompletionFunc("on", g.completeEachPeer)
	return o
}

// query writes the options as the API wants them.
func (o *pinOptions) query(ctx context.Context, s *session) (url.Values, error) {
	q := url.Values{}
	if o.name != "" {
		q.Set("name", o.name)
	}
	for _, number := range []struct {
		name  string
		value int
	}{{"replication", o.replication}, {"replication-min", o.replicationMin}, {"replication-max", o.replMax}} {
		if number.value != 0 {
			q.Set(number.name, strconv.Itoa(number.value))
		}
	}
	if o.expireIn != 0 {
		q.Set("expire-in", o.expireIn.String())
	}
	for _, pair := range o.meta {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, usagef("--meta is written key=value, not %q", pair)
		}
		q.Set("meta-"+key, value)
	}
	var ids []string
	for _, name := range o.on {
		id, err := findPeer(ctx, s, name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	if len(ids) > 0 {
		q.Set("user-allocations", strings.Join(ids, ","))
		if o.replication == 0 && o.replicationMin == 0 && o.replMax == 0 { // or the cluster's default may be: all peers
			q.Set("replication", strconv.Itoa(len(ids)))
		}
	}
	return q, nil
}
