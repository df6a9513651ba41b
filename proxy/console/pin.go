package console

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/human"
	"github.com/underlay/underlay/internal/pinstatus"
	"github.com/underlay/underlay/proxy/access"
)

// pinData is what the page of one pin shows.
type pinData struct {
	CID, Path, Name, Gateway               string
	Done                                   string
	Stale                                  bool
	Stands                                 standing
	Mode, Replication, Size, Expires, From string
	Created, CreatedAt                     string
	Everywhere                             bool
	Holders, Origins                       []string
	Metadata                               []metaItem
	Peers                                  []pinPeer

	May    bool // whoever looks may change the pin
	Whole  bool // it is one pin, not one of several that belong together
	Change pinChange
	Fault  string // of the change that was asked for
}

type metaItem struct{ Key, Value string }

// pinPeer is how one peer stands with the pin.
type pinPeer struct {
	ID, Name string
	state
	Since, Attempts, Progress, Error string
}

// pinPage shows one pin.
func (c *Console) pinPage(w http.ResponseWriter, r *http.Request) error {
	return c.showPin(w, r, http.StatusOK, nil, nil)
}

// showPin shows the pin of the request, with a change that failed if there is one.
func (c *Console) showPin(w http.ResponseWriter, r *http.Request, status int, asked *pinChange, failed error) error {
	ctx, o, err := c.reading(r.Context())
	if err != nil {
		return err
	}
	pin, revision, err := c.pinOf(ctx, r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	found, err := c.o.Pins.StatusOf(ctx, []api.Pin{pin}, api.TrackerStatusUndefined)
	if err != nil {
		return err
	}
	stands := pinstatus.Status{}
	if found[0] != nil {
		stands = *found[0]
	}
	d := newPinData(pin, stands, o.At)
	d.Gateway, d.Done, d.Stale = c.o.Gateway.content(r, d.CID, ""), pinDone(r), consensus.IsStale(ctx)
	d.May = may(r, d.Path, access.Pin)
	if bytes, known := c.o.Pins.SizeOf(ctx, pin.Cid); known {
		d.Size = human.Size(bytes)
	}
	d.Change = changeOf(pin, revision, d.Peers)
	if asked != nil {
		d.Change.Name, d.Change.Min, d.Change.Max, d.Change.Expires = asked.Name, asked.Min, asked.Max, asked.Expires
		d.Change.choose(asked.chosen)
	}
	if failed != nil {
		c.noteFailure(r, failed)
		d.Fault = inWords(failed)
	}
	c.show(w, r, status, "pin", "Pin", d)
	return nil
}

// pinOf reads the pin that a path names.
func (c *Console) pinOf(ctx context.Context, r *http.Request) (api.Pin, uint64, error) {
	named, err := api.DecodeCid(r.PathValue("cid"))
	if err != nil {
		return api.Pin{}, 0, badRequest("%q is no CID", r.PathValue("cid"))
	}
	pin, revision, err := c.o.Pins.PinRevision(ctx, named)
	return pin, revision, notPinned(named, err)
}

func newPinData(pin api.Pin, s pinstatus.Status, now time.Time) pinData {
	d := pinData{
		CID: pin.Cid.String(), Path: pinPath(pin.Cid), Name: pin.Name, Stands: standingOf(pin, s), Mode: pin.Mode.String(),
		Replication: replication(pin.ReplicationFactorMin, pin.ReplicationFactorMax), Everywhere: pin.IsPinEverywhere(),
		Created: human.Ago(pin.Timestamp, now), Whole: pin.Type == api.DataType,
	}
	if !pin.Timestamp.IsZero() {
		d.CreatedAt = pin.Timestamp.UTC().Format(time.DateTime + " UTC")
	}
	if !pin.ExpireAt.IsZero() {
		d.Expires = pin.ExpireAt.UTC().Format(time.DateTime+" UTC") + " (" + human.Within(pin.ExpireAt, now) + ")"
	}
	if pin.PinUpdate.Defined() {
		d.From = pin.PinUpdate.String()
	}
	for _, id := range pin.Allocations {
		d.Holders = append(d.Holders, nameIn(s, id))
	}
	slices.Sort(d.Holders)
	for _, origin := range pin.Origins {
		d.Origins = append(d.Origins, origin.String())
	}
	for _, key := range slices.Sorted(maps.Keys(pin.Metadata)) {
		d.Metadata = append(d.Metadata, metaItem{key, pin.Metadata[key]})
	}
	for id, p := range s.PeerMap {
		d.Peers = append(d.Peers, newPinPeer(pin, id, p, s.Progress[id], now))
	}
	slices.SortFunc(d.Peers, func(a, b pinPeer) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return d
}

// nameIn is what a peer is called in a status.
func nameIn(s pinstatus.Status, id peer.ID) string {
	return cmp.Or(s.PeerMap[id.String()].PeerName, id.String())
}

func newPinPeer(pin api.Pin, id string, p api.PinInfoShort, fetched pinstatus.Progress, now time.Time) pinPeer {
	shown := pinPeer{ID: id, Name: cmp.Or(p.PeerName, id), state: stateOf(p.Status), Error: p.Error}
	if p.Status != api.TrackerStatusRemote && p.Status != api.TrackerStatusClusterError {
		shown.Since = human.Ago(p.TS, now)
	}
	if p.AttemptCount > 0 {
		shown.Attempts = count(uint64(p.AttemptCount)) //nolint:gosec // it is positive
	}
	if p.Status == api.TrackerStatusPinning {
		shown.Progress = human.Plural(fetched.Nodes, "block") + ", " + human.Size(fetched.Bytes)
	}
	if p.Status == api.TrackerStatusClusterError && !meantFor(pin, id) {
		shown.Error = ""
	}
	return shown
}

// inWords says what came of a change that failed.
func inWords(err error) string {
	if errors.Is(err, consensus.ErrConflict) {
		return "Somebody else has changed this pin since you opened this page, so nothing was done. What it is now stands above; " +
			"send the form again if you still want this."
	}
	return "Nothing was changed: " + err.Error() + "."
}
