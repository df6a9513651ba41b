package reconcile

import (
	"context"

	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/peer/ipfs"
)

// Self is what every status of this peer says about it.
func (r *Reconciler) Self() api.PinInfoShort {
	return api.PinInfoShort{PeerName: r.name, IPFS: r.node.Identity, IPFSAddresses: ipfs.Addrs(r.node)}
}

// Unsettled calls differs, in the order of the CIDs' bytes, with every pin of the applied state with which this peer does
// not stand as Calm says, and passed now and then with the last CID that was looked at. The state is that of entry index
// or a later one.
func (r *Reconciler) Unsettled(ctx context.Context, index uint64, differs func(api.PinInfo) error, passed func(api.Cid) error) error {
	if err := r.feed.WaitApplied(ctx, index); err != nil {
		return err
	}
	looked := 0
	return r.eachPin(ctx, func(pin api.Pin) error {
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
