package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/internal/pinstatus"
	"github.com/underlay/underlay/proxy/access"
	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/pinopts"
)

// formTime is how browsers write a time in a form.
const formTime = "2006-01-02T15:04:05"

// pinChange is the form by which a pin is changed, as it was typed.
type pinChange struct {
	Name, Min, Max, Expires string
	Preferred               []preferredPeer
	Revision                uint64 // of the pin that was shown

	chosen []string // the IDs of the peers preferred
}

type preferredPeer struct {
	ID, Name string
	Chosen   bool
}

// changeOf is the form as it stands for a pin.
func changeOf(pin api.Pin, revision uint64, peers []pinPeer) pinChange {
	f := pinChange{
		Name: pin.Name, Min: strconv.Itoa(pin.ReplicationFactorMin), Max: strconv.Itoa(pin.ReplicationFactorMax), Revision: revision,
	}
	if !pin.ExpireAt.IsZero() {
		f.Expires = pin.ExpireAt.UTC().Format(formTime)
	}
	for _, p := range peers {
		f.Preferred = append(f.Preferred, preferredPeer{ID: p.ID, Name: p.Name})
	}
	f.choose(api.PeersToStrings(pin.UserAllocations))
	return f
}

func (f *pinChange) choose(ids []string) {
	for i := range f.Preferred {
		f.Preferred[i].Chosen = slices.Contains(ids, f.Preferred[i].ID)
	}
}

// readForm reads what a form has sent.
func readForm(w http.ResponseWriter, r *http.Request) (f pinChange, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		if fault.Status(err) == http.StatusRequestEntityTooLarge {
			return f, err
		}
		return f, badRequest("the form cannot be read: %w", err)
	}
	p := r.PostForm
	f = pinChange{
		Name: p.Get("name"), Min: strings.TrimSpace(p.Get("min")), Max: strings.TrimSpace(p.Get("max")),
		Expires: strings.TrimSpace(p.Get("expires")), chosen: p["peer"],
	}
	if f.Revision, err = strconv.ParseUint(p.Get("revision"), 10, 64); err != nil || f.Revision == 0 {
		return f, badRequest("the form does not say which pin it is about: %q is no revision", p.Get("revision"))
	}
	return f, nil
}

// apply makes options of those of a pin and what the form has.
func (f pinChange) apply(o api.PinOptions) (api.PinOptions, error) {
	q := url.Values{"name": {f.Name}, "replication-min": {f.Min}, "replication-max": {f.Max}}
	if len(f.chosen) > 0 {
		q.Set("user-allocations", strings.Join(f.chosen, ","))
	}
	if f.Expires != "" {
		at, err := parseTime(f.Expires)
		if err != nil {
			return o, err
		}
		q.Set("expire-at", at.Format(time.RFC3339))
	}
	wanted, err := pinopts.Parse(q)
	if err != nil {
		return o, err
	}
	o.Name, o.ReplicationFactorMin, o.ReplicationFactorMax = wanted.Name, wanted.ReplicationFactorMin, wanted.ReplicationFactorMax
	o.UserAllocations, o.ExpireAt, o.PinUpdate = wanted.UserAllocations, wanted.ExpireAt, api.CidUndef
	return o, nil
}

// parseTime reads a time as a browser sends it, or as people write it who have none for that.
func parseTime(text string) (time.Time, error) {
	for _, form := range []string{formTime, "2006-01-02T15:04", time.DateTime, "2006-01-02 15:04", time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(form, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, badRequest("%q is no time such as 2030-01-31T12:00", text)
}

// changePin gives a pin other options, if it is still the one that was shown.
func (c *Console) changePin(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	pin, _, err := c.pinOf(r.Context(), r)
	if err == nil {
		var o api.PinOptions
		if o, err = form.apply(pin.PinOptions); err == nil {
			_, err = c.o.Pins.RepinAt(r.Context(), pin.Cid, o, form.Revision)
		}
	}
	if err != nil {
		return c.showPin(w, r, fault.Status(err), &form, err)
	}
	done(w, r, pinPath(pin.Cid), "changed")
	return nil
}

// recoverPin has the peers try again what has failed.
func (c *Console) recoverPin(w http.ResponseWriter, r *http.Request) error {
	pin, _, err := c.pinOf(r.Context(), r)
	if err != nil {
		return err
	}
	if _, err := c.o.Pins.Recover(r.Context(), pin.Cid); err != nil {
		return c.showPin(w, r, fault.Status(err), nil, err)
	}
	done(w, r, pinPath(pin.Cid), "recovered")
	return nil
}

// askUnpin asks whether a pin is really to be removed.
func (c *Console) askUnpin(w http.ResponseWriter, r *http.Request) error {
	return c.showUnpin(w, r, http.StatusOK, nil)
}

func (c *Console) showUnpin(w http.ResponseWriter, r *http.Request, status int, failed error) error {
	ctx, o, err := c.reading(r.Context())
	if err != nil {
		return err
	}
	pin, revision, err := c.pinOf(ctx, r)
	if err != nil {
		return err
	}
	d := newPinData(pin, pinstatus.Status{}, o.At)
	d.Change.Revision, d.May = revision, may(r, d.Path, access.Pin)
	if failed != nil {
		c.noteFailure(r, failed)
		d.Fault = inWords(failed)
	}
	c.show(w, r, status, "unpin", "Unpin", d)
	return nil
}

// unpin removes a pin, if it is still the one that was shown.
func (c *Console) unpin(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	pin, _, err := c.pinOf(r.Context(), r)
	if err != nil {
		return err
	}
	if err := c.o.Pins.UnpinAt(r.Context(), pin.Cid, form.Revision); err != nil {
		return c.showUnpin(w, r, fault.Status(err), err)
	}
	done(w, r, pinsRoot, "unpinned")
	return nil
}

// done leads to a page that says what was done.
func done(w http.ResponseWriter, r *http.Request, to, what string) {
	http.Redirect(w, r, to+"?done="+what, http.StatusSeeOther)
}

// pinDone says what was done before a page was opened.
func pinDone(r *http.Request) string {
	switch r.URL.Query().Get("done") {
	case "changed":
		return "The pin was changed."
	case "recovered":
		return "The peers were asked to try again what has failed."
	case "unpinned":
		return "The pin was removed. Its blocks go with the next garbage collection, unless something else holds them."
	}
	return ""
}
