package reconcile

import (
	"context"
	"errors"
	"time"

	ipfscluster "github.com/ipfs-cluster/ipfs-cluster"
	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	rpc "github.com/libp2p/go-libp2p-gorpc"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/peer/ipfs"
)

// Tracker shows the reconciler to the orchestrator as its pin tracker. Tracking is only a hint to look at a CID.
type Tracker struct{ *Reconciler }

var (
	_ ipfscluster.PinTracker = Tracker{}

	errUnexpectedlyUnpinned = errors.New("the node does not pin this, but the pinset wants it to")
)

// SetClient implements ipfscluster.Component; the reconciler calls nobody.
func (Tracker) SetClient(*rpc.Client) {}

// Shutdown implements ipfscluster.Component; the reconciler stops with the context of its serve.
func (Tracker) Shutdown(context.Context) error { return nil }

// Track queues a CID to be looked at.
func (t Tracker) Track(_ context.Context, pin api.Pin) error {
	t.Hint(pin.Cid.Cid)
	return nil
}

// Untrack queues a CID to be looked at.
func (t Tracker) Untrack(_ context.Context, c api.Cid) error {
	t.Hint(c.Cid)
	return nil
}

// Status tells how this peer stands with c: from the operation under way, else from the pinset and the local pin.
func (t Tracker) Status(ctx context.Context, c api.Cid) api.PinInfo {
	pin, err := t.feed.Local().Get(ctx, c)
	switch {
	case errors.Is(err, state.ErrNotFound):
		info := t.info(api.PinCid(c), api.TrackerStatusUnpinned, nil)
		if op, ok := t.operation(c.Cid); ok && op.status != api.TrackerStatusPinQueued {
			t.describe(&info, op)
		}
		return info
	case err != nil:
		return t.info(api.PinCid(c), api.TrackerStatusClusterError, err)
	}
	return t.pinStatus(ctx, pin)
}

// pinStatus tells how this peer stands with a pin of the pinset.
func (t Tracker) pinStatus(ctx context.Context, pin api.Pin) api.PinInfo {
	op, settled := t.standing(ctx, pin)
	info := t.info(pin, op.status, op.err)
	if !settled {
		t.describe(&info, op)
	}
	return info
}

// standing is how this peer stands with a pin of the pinset; settled means that nothing is under way.
func (r *Reconciler) standing(ctx context.Context, pin api.Pin) (op operation, settled bool) {
	if calm := Calm(pin, r.id); calm != api.TrackerStatusPinned {
		return operation{status: calm}, true
	}
	held, err := r.pins.Has(ctx, pin)
	switch {
	case err != nil:
		return operation{status: api.TrackerStatusClusterError, err: err}, true
	case held:
		return operation{status: api.TrackerStatusPinned}, true
	}
	if op, busy := r.operation(pin.Cid.Cid); busy {
		return op, false
	}
	if r.scanning.Load() { // it may not have got there yet
		return operation{status: api.TrackerStatusPinQueued}, true
	}
	return operation{status: api.TrackerStatusUnexpectedlyUnpinned, err: errUnexpectedlyUnpinned}, true
}

// Calm is how a peer stands with a pin of the pinset once it has nothing left to do about it.
func Calm(pin api.Pin, id peer.ID) api.TrackerStatus {
	switch {
	case pin.Type == api.MetaType:
		return api.TrackerStatusSharded
	case pin.IsRemotePin(id):
		return api.TrackerStatusRemote
	default:
		return api.TrackerStatusPinned
	}
}

func (t Tracker) describe(info *api.PinInfo, op operation) {
	info.Status, info.TS, info.AttemptCount = op.status, op.since, op.attempts
	if op.status == api.TrackerStatusPinning || op.status == api.TrackerStatusUnpinning {
		info.AttemptCount++ // this one
	}
	if op.err != nil {
		info.Error = op.err.Error()
	}
}

func (t Tracker) info(pin api.Pin, status api.TrackerStatus, err error) api.PinInfo {
	info := api.PinInfo{
		Cid: pin.Cid, Name: pin.Name, Peer: t.id, Allocations: pin.Allocations,
		Origins: pin.Origins, Created: pin.Timestamp, Metadata: pin.Metadata,
		PinInfoShort: api.PinInfoShort{
			PeerName: t.name, IPFS: t.node.Identity, IPFSAddresses: ipfs.Addrs(t.node),
			Status: status, TS: pin.Timestamp,
		},
	}
	if err != nil {
		info.Error = err.Error()
	}
	if info.TS.IsZero() {
		info.TS = time.Now()
	}
	return info
}

// StatusAll streams the status of every pin of the pinset that the filter matches, and closes out.
func (t Tracker) StatusAll(ctx context.Context, filter api.TrackerStatus, out chan<- api.PinInfo) error {
	defer close(out)
	return t.eachPin(ctx, func(pin api.Pin) error {
		info := t.pinStatus(ctx, pin)
		if !filter.Match(info.Status) {
			return nil
		}
		return send(ctx, out, info)
	})
}

// RecoverAll queues every pin in error, streams the status of those, and closes out.
func (t Tracker) RecoverAll(ctx context.Context, out chan<- api.PinInfo) error {
	defer close(out)
	return t.eachPin(ctx, func(pin api.Pin) error {
		info := t.pinStatus(ctx, pin)
		if !recoverable(info.Status) {
			return nil
		}
		t.Hint(pin.Cid.Cid)
		return send(ctx, out, t.pinStatus(ctx, pin))
	})
}

// Recover queues c if it is in error, and returns its status.
func (t Tracker) Recover(ctx context.Context, c api.Cid) (api.PinInfo, error) {
	info := t.Status(ctx, c)
	if recoverable(info.Status) {
		t.Hint(c.Cid)
		info = t.Status(ctx, c)
	}
	return info, nil
}

func recoverable(s api.TrackerStatus) bool {
	const errored = api.TrackerStatusPinError | api.TrackerStatusUnpinError | api.TrackerStatusUnexpectedlyUnpinned
	return s&errored != 0
}

// PinQueueSize counts the CIDs that wait for a worker.
func (t Tracker) PinQueueSize(context.Context) (int64, error) { return int64(t.queue.len()), nil }

func send[T any](ctx context.Context, out chan<- T, v T) error {
	select {
	case out <- v:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
