package rest

import (
	"context"
	"net/http"

	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/pinopts"
)

// pin commits a pin and answers; status tells how far the peers are with it.
func (a *handlers) pin(w http.ResponseWriter, r *http.Request) {
	c, o, err := toPin(r, cidParam)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	pin, err := a.Cluster.Pin(r.Context(), c, o)
	a.reply(w, r, pin, a.blame(r, c, o, err))
}

// toPin reads what a request wants to have pinned, and how.
func toPin[T any](r *http.Request, what func(*http.Request) (T, error)) (t T, o api.PinOptions, err error) {
	if t, err = what(r); err == nil {
		o, err = pinopts.Parse(r.URL.Query())
	}
	return t, o, err
}

// blame marks a failed pin as the client's fault where the pinset shows that it is: the library reports these
// refusals as plain text. It asks the pinset only after a failure.
func (a *handlers) blame(r *http.Request, c api.Cid, o api.PinOptions, err error) error {
	if err == nil || fault.Status(err) != http.StatusInternalServerError {
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
		return fault.With(http.StatusBadRequest, err)
	}
	return err
}

func (a *handlers) pinPath(w http.ResponseWriter, r *http.Request) {
	p, o, err := toPin(r, pathParam)
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

func (a *handlers) unpin(w http.ResponseWriter, r *http.Request) {
	c, err := cidParam(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	pin, err := a.Cluster.Unpin(r.Context(), c)
	a.reply(w, r, pin, a.blameUnpin(pin, err))
}

func (a *handlers) unpinPath(w http.ResponseWriter, r *http.Request) {
	p, err := pathParam(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	pin, err := a.Cluster.UnpinPath(r.Context(), p)
	a.reply(w, r, pin, a.blameUnpin(pin, err))
}

// blameUnpin marks the attempt to unpin a part of a sharded pin as the client's fault.
func (a *handlers) blameUnpin(pin api.Pin, err error) error {
	part := pin.Type == api.ShardType || pin.Type == api.ClusterDAGType
	if err != nil && part && fault.Status(err) == http.StatusInternalServerError {
		return fault.With(http.StatusBadRequest, err)
	}
	return err
}

func (a *handlers) allocations(w http.ResponseWriter, r *http.Request) {
	filter, err := pinTypes(r.URL.Query().Get("filter"))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	selection, err := newSelection(r.URL.Query())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if selection.everything() {
		writeStream(a, w, r, a.Cluster.Pins, func(pin api.Pin) (any, bool) { return pin, pin.Type&filter != 0 })
		return
	}
	selected(a, w, r, selection, func(_ context.Context, pins []api.Pin) ([]*api.Pin, error) {
		shown := make([]*api.Pin, len(pins))
		for i := range pins {
			if pins[i].Type&filter != 0 {
				shown[i] = &pins[i]
			}
		}
		return shown, nil
	}, keep)
}

func (a *handlers) allocation(w http.ResponseWriter, r *http.Request) {
	c, err := cidParam(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	pin, err := a.Cluster.PinGet(r.Context(), c)
	a.reply(w, r, pin, err)
}
