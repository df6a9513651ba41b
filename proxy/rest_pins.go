package proxy

import (
	"context"
	"net/http"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// pin commits a pin and answers; status tells how far the peers are with it.
func (a *rest) pin(w http.ResponseWriter, r *http.Request) {
	c, err := restCid(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	o, err := restPinOptions(r.URL.Query())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	pin, err := a.Cluster.Pin(r.Context(), c, o)
	a.reply(w, r, pin, a.blame(r, c, o, err))
}

// blame marks a failed pin as the client's fault where the pinset shows that it is: the library reports these
// refusals as plain text. It asks the pinset only after a failure.
func (a *rest) blame(r *http.Request, c api.Cid, o api.PinOptions, err error) error {
	if err == nil || errorStatus(err) != http.StatusInternalServerError {
		return err
	}
	subject, update := c, o.PinUpdate.Defined() && !o.PinUpdate.Equals(c)
	if update {
		subject = o.PinUpdate
	}
	existing, getErr := a.Cluster.PinGet(r.Context(), subject)
	if getErr != nil {
		return err
	}
	downgrade := !update && existing.Mode == api.PinModeRecursive && o.Mode == api.PinModeDirect
	if existing.Type != api.DataType || downgrade {
		return withStatus(http.StatusBadRequest, err)
	}
	return err
}

func (a *rest) pinPath(w http.ResponseWriter, r *http.Request) {
	p, err := restPath(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	o, err := restPinOptions(r.URL.Query())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	pin, err := a.Cluster.PinPath(r.Context(), p, o)
	if err != nil && pin.Cid.Defined() { // the path led to a CID, which was then refused
		err = a.blame(r, pin.Cid, o, err)
	}
	a.reply(w, r, pin, err)
}

func (a *rest) unpin(w http.ResponseWriter, r *http.Request) {
	c, err := restCid(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	pin, err := a.Cluster.Unpin(r.Context(), c)
	a.reply(w, r, pin, a.blameUnpin(pin, err))
}

func (a *rest) unpinPath(w http.ResponseWriter, r *http.Request) {
	p, err := restPath(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	pin, err := a.Cluster.UnpinPath(r.Context(), p)
	a.reply(w, r, pin, a.blameUnpin(pin, err))
}

// blameUnpin marks the attempt to unpin a part of a sharded pin as the client's fault.
func (a *rest) blameUnpin(pin api.Pin, err error) error {
	part := pin.Type == api.ShardType || pin.Type == api.ClusterDAGType
	if err != nil && part && errorStatus(err) == http.StatusInternalServerError {
		return withStatus(http.StatusBadRequest, err)
	}
	return err
}

func (a *rest) allocations(w http.ResponseWriter, r *http.Request) {
	filter, err := restPinTypes(r.URL.Query().Get("filter"))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	selection, err := restSelection(r.URL.Query())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if selection.everything() {
		restStream(a, w, r, a.Cluster.Pins, func(pin api.Pin) (any, bool) { return pin, pin.Type&filter != 0 })
		return
	}
	restSelected(a, w, r, selection, func(_ context.Context, pins []api.Pin) ([]*api.Pin, error) {
		shown := make([]*api.Pin, len(pins))
		for i := range pins {
			if pins[i].Type&filter != 0 {
				shown[i] = &pins[i]
			}
		}
		return shown, nil
	}, restKeep)
}

func (a *rest) allocation(w http.ResponseWriter, r *http.Request) {
	c, err := restCid(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	pin, err := a.Cluster.PinGet(r.Context(), c)
	a.reply(w, r, pin, err)
}
