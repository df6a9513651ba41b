package reconcile

import (
	"context"

	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/internal/standing"
)

// StandingsRequest asks a peer how it stands with some CIDs.
type StandingsRequest struct {
	Cids  []api.Cid
	Index uint64 // of the log entry that the answer must know of
}

// Standings tells how this peer stands with each of the CIDs, in their order, once it has applied the request's entry.
func (r *Reconciler) Standings(ctx context.Context, req StandingsRequest) ([]standing.Peer, error) {
	if err := r.feed.WaitApplied(ctx, req.Index); err != nil {
		return nil, err
	}
	standings := make([]standing.Peer, len(req.Cids))
	for i, c := range req.Cids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		info := Tracker{r}.Status(ctx, c)
		standings[i] = standing.Peer{ID: r.id, Status: info.Status, Error: info.Error, Attempts: info.AttemptCount}
		op, _ := r.operation(c.Cid)
		fetched := op.fetched()
		standings[i].Blocks, standings[i].Bytes = fetched.Nodes, fetched.Bytes
	}
	return standings, nil
}
