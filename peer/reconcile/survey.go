package reconcile

import (
	"context"
	"errors"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"

	"github.com/underlay/underlay/peer/ipfs"
)

// Self is what every status of this peer says about it.
func (r *Reconciler) Self() api.PinInfoShort {
	return api.PinInfoShort{PeerName: r.name, IPFS: r.node.Identity, IPFSAddresses: ipfs.Addrs(r.node)}
}

// Survey says which pins to look at: those of the given CIDs, or all if there are none, in a state that is not older than
// that of entry Index.
type Survey struct {
	Index uint64
	Cids  []api.Cid
}

// Unsettled calls differs with every pin of the survey with which this peer does not stand as Calm says, in the order of
// the CIDs as they were given, or of their bytes if it is all; and passed now and then with the last CID that was looked at.
func (r *Reconciler) Unsettled(ctx context.Context, s Survey, differs func(api.PinInfo) error, passed func(api.Cid) error) error {
	if err := r.feed.WaitApplied(ctx, s.Index); err != nil {
		return err
	}
	looked := 0
	return r.eachOf(ctx, s.Cids, func(pin api.Pin) error {
		if op, _ := r.standing(ctx, pin); op.status != Calm(pin, r.id) {
			if err := differs(Tracker{r}.pinStatus(ctx, pin)); err != nil {
				return err
			}
		}
		if looked++; looked%scanPage == 0 {
			return passed(pin.Cid)
		}
		return nil
	})
}

// eachOf calls f for the pins of the given CIDs that there are, or for all pins if none is given.
func (r *Reconciler) eachOf(ctx context.Context, cids []api.Cid, f func(api.Pin) error) error {
	if len(cids) == 0 {
		return r.eachPin(ctx, f)
	}
	for _, c := range cids {
		pin, err := r.feed.Local().Get(ctx, c)
		if errors.Is(err, state.ErrNotFound) {
			continue
		}
		if err == nil {
			err = f(pin)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
