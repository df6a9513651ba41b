package console

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	clusterstate "github.com/ipfs-cluster/ipfs-cluster/state"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/human"
	"github.com/underlay/underlay/internal/pinstatus"
	"github.com/underlay/underlay/internal/vitals"
	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/overview"
	"github.com/underlay/underlay/proxy/unfinished"
)

// Pins are what the pages of pins show and change.
type Pins interface {
	// ScanPins reads what a query selects, of a state with everything that was acknowledged anywhere before.
	ScanPins(ctx context.Context, q consensus.Query, f func(api.Pin) error) (next string, err error)
	// PinRevision reads one, and its revision; the error is state.ErrNotFound when there is none.
	PinRevision(ctx context.Context, c api.Cid) (api.Pin, uint64, error)
	StatusOf(ctx context.Context, pins []api.Pin, filter api.TrackerStatus) ([]*pinstatus.Status, error)
	SizeOf(ctx context.Context, c api.Cid) (bytes uint64, known bool)
	PinChanges
}

// PinChanges change a pin. Those that name a revision fail with consensus.ErrConflict when the pin has another one.
type PinChanges interface {
	Recover(ctx context.Context, c api.Cid) (api.GlobalPinInfo, error)
	RepinAt(ctx context.Context, c api.Cid, o api.PinOptions, revision uint64) (api.Pin, error)
	UnpinAt(ctx context.Context, c api.Cid, revision uint64) error
}

// Unfinished lists the pins for which some peer has something left to do.
type Unfinished interface {
	List(ctx context.Context, q unfinished.Query) (unfinished.List, error)
}

// pinsData is what the list of pins shows.
type pinsData struct {
	pinSearch
	Filters      []pinFilter
	Fault        string // of what was looked for
	Done         string
	Stale        bool
	Total        uint64
	Left         vitals.Pins
	Notes        []string
	Rows         []pinRow
	Self         string
	First        string // the first page, from another one
	Earlier      string
	Later        string
	Whole, Empty bool // there are no other pages; there is nothing to show
}

// Searches tells that not all pins are asked for.
func (d pinsData) Searches() bool { return d.at("", "") != pinsRoot }

// FaultOf tells that a field is at fault.
func (d pinsData) FaultOf(field string) bool {
	if field == "meta" {
		_, _, err := d.meta()
		return err != nil
	}
	return d.Fault != "" && d.CID != ""
}

// pinRow is a row of the list.
type pinRow struct {
	CID, Path, Name, Replication, Created string
	Stands                                standing
}

// reading returns the context for what a page reads, which without a leader shows what this peer knows, and a picture of the
// cluster.
func (c *Console) reading(ctx context.Context) (context.Context, overview.Overview, error) {
	o, err := c.o.Overview.Overview(ctx)
	if err == nil && o.Leader == "" {
		ctx = consensus.WithStale(ctx)
	}
	return ctx, o, err
}

// pinList shows the pins that are looked for.
func (c *Console) pinList(w http.ResponseWriter, r *http.Request) error {
	s := readSearch(r.URL.Query())
	ctx, o, err := c.reading(r.Context())
	if err != nil {
		return err
	}
	d := pinsData{
		pinSearch: s, Filters: pinFilters(), Stale: consensus.IsStale(ctx), Total: o.Pins, Left: o.Unfinished(), Self: s.url(),
		Done: pinDone(r),
	}
	status := http.StatusOK
	if s.CID != "" {
		found, err := c.findPin(ctx, s.CID)
		if err == nil {
			http.Redirect(w, r, pinPath(found), http.StatusSeeOther)
			return nil
		}
		d.Fault, status = err.Error(), fault.Status(err)
	} else {
		l, err := c.listPins(ctx, s)
		if err != nil && fault.Status(err) != http.StatusBadRequest {
			return err
		}
		if err != nil {
			d.Fault, status = err.Error(), http.StatusBadRequest
		}
		d.fill(l)
	}
	c.show(w, r, status, "pins", "Pins", d)
	return nil
}

// findPin finds the pin that somebody means: of that CID, or of the same content under the CID of the other version.
func (c *Console) findPin(ctx context.Context, text string) (api.Cid, error) {
	found, err := findCID(text)
	if err != nil {
		return found, err
	}
	_, _, err = c.o.Pins.PinRevision(ctx, found)
	if other, ok := otherVersion(found); ok && errors.Is(err, clusterstate.ErrNotFound) {
		if _, _, err := c.o.Pins.PinRevision(ctx, other); !errors.Is(err, clusterstate.ErrNotFound) {
			return other, err
		}
	}
	return found, notPinned(found, err)
}

// notPinned says in words that there is no pin, if that is the error.
func notPinned(c api.Cid, err error) error {
	if errors.Is(err, clusterstate.ErrNotFound) {
		return fault.With(http.StatusNotFound, errors.New(c.String()+" is not pinned"))
	}
	return err
}

// fill puts a page of pins into the data.
func (d *pinsData) fill(l pinList) {
	now := time.Now()
	for _, p := range l.pins {
		d.Rows = append(d.Rows, pinRow{
			CID: p.Cid.String(), Path: pinPath(p.Cid), Name: p.Name, Stands: p.Stands,
			Replication: replication(p.ReplicationFactorMin, p.ReplicationFactorMax), Created: human.Ago(p.Timestamp, now),
		})
	}
	d.Notes = l.notes
	if d.After != "" || d.Before != "" {
		d.First = d.at("", "")
	}
	if l.prev != "" {
		d.Earlier = d.at("", l.prev)
	}
	if l.next != "" {
		d.Later = d.at(l.next, "")
	}
	d.Whole, d.Empty = d.First == "" && l.next == "", len(l.pins) == 0
}

// pinPath is where the page of a pin is.
func pinPath(c api.Cid) string { return pinsRoot + "/" + c.String() }
