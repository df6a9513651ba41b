package rpc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/go-cid"

	"github.com/underlay/underlay/consensus"
)

// latePinset fails every pin, once the time of its request is over.
type latePinset struct {
	*mapPinset
	fails error
}

func (s latePinset) Pin(ctx context.Context, _ cid.Cid, _ api.PinMode, _ string, _ bool) (func(context.Context) error, error) {
	<-ctx.Done()
	return nil, s.fails
}

// A pin whose time is over before its blocks are here fails as on kubo; one whose commit may have happened says so.
func TestPinOutOfTime(t *testing.T) {
	for _, c := range []struct {
		name   string
		fails  error
		want   error
		refuse int // status; 0: kubo's own
	}{
		{"while blocks are fetched", fmt.Errorf("fetch it: %w", context.DeadlineExceeded), context.DeadlineExceeded, 0},
		{"while it is committed", consensus.ErrUnknownOutcome, consensus.ErrUnknownOutcome, http.StatusGatewayTimeout},
		{"without a leader", consensus.ErrNoLeader, consensus.ErrNoLeader, http.StatusServiceUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			node, _ := newNode(t)
			pending := &acks{}
			ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), acksKey{}, pending), 20*time.Millisecond)
			defer cancel()
			p := newClusterPinner(latePinset{newMapPinset(node.DAG), c.fails}, node.DAG)
			err := p.Pin(ctx, branch(t, "root"), true, "")
			if !errors.Is(err, c.want) || err.Error() != c.want.Error() {
				t.Errorf("says %q, want %q", err, c.want)
			}
			if pending.refuse != c.refuse {
				t.Errorf("the answer deserves %d, want %d", pending.refuse, c.refuse)
			}
		})
	}
}
