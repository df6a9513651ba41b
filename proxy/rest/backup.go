package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/backup"
	"github.com/underlay/underlay/proxy/fault"
)

// BulkPinset is what backup, restore and bulk changes need of the peer.
type BulkPinset interface {
	// State returns the pinset with everything that was acknowledged anywhere before the call.
	State(ctx context.Context) (state.ReadOnly, error)
	// ScanPins calls f with the pins that a query selects, and returns where to go on.
	ScanPins(ctx context.Context, q consensus.Query, f func(api.Pin) error) (next string, err error)
	// Members lists the peers of the cluster.
	Members(ctx context.Context) ([]peer.ID, error)
	// CommitPins commits pins exactly as they are, and removes others, in one step.
	CommitPins(ctx context.Context, pins []api.Pin, remove []api.Cid) error
	// EachValue calls f with everything that the peers share beside the pins, in the order of the keys.
	EachValue(ctx context.Context, f func(key string, data []byte) error) error
	// CommitValues sets values, and deletes others, in one step.
	CommitValues(ctx context.Context, set map[string][]byte, remove []string) error
	// Seal returns something by which Opens knows the clusters that have the same secret.
	Seal() []byte
	Opens(seal []byte) bool
	// ChangePins pins and unpins as requests for each would, together, and returns the result of each.
	ChangePins(ctx context.Context, changes []consensus.Op) []error
}

// restoreBatch is how many pins are committed in one step.
const restoreBatch = 512

// errNotEmpty refuses a restore that would mix two pinsets.
var errNotEmpty = errors.New("the cluster has pins already; restoring would replace them all, which needs force=true")

// backup streams the pinset, and the values that the peers share beside it, as they are now, from any peer.
func (a *handlers) backup(w http.ResponseWriter, r *http.Request) {
	st, err := a.Pinset.State(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Trailer", fault.StreamError)
	err = backup.Write(w, backup.Source{
		Taken: time.Now(), Seal: a.Pinset.Seal(),
		Values: func(f func(backup.Value) error) error {
			return a.Pinset.EachValue(r.Context(), func(key string, data []byte) error { return f(backup.Value{Key: key, Data: data}) })
		},
		Pins: func(f func(api.Pin) error) error { return eachPin(r.Context(), st, f) },
	})
	if err != nil { // the file lacks its last line, by which a reader knows it is incomplete
		w.Header().Set(fault.StreamError, err.Error())
		a.Logger.Warn("backup failed", "error", err)
	}
}

func eachPin(ctx context.Context, st state.ReadOnly, f func(api.Pin) error) error {
	g, ctx := errgroup.WithContext(ctx)
	pins := make(chan api.Pin, buffer)
	g.Go(func() error { return st.List(ctx, pins) })
	g.Go(func() error {
		for p := range pins {
			if err := f(p); err != nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}

// restored is the answer to a restore.
type restored struct {
	Values  int `json:"values"`  // committed
	Pins    int `json:"pins"`    // committed
	Removed int `json:"removed"` // pins that were not in the backup
}

// restore replaces the pinset and the values by a backup; the import of a stock export only adds pins. The whole file is
// received and checked before anything is changed. With pins-only the values stay as they are.
func (a *handlers) restore(w http.ResponseWriter, r *http.Request) {
	force, err := boolParam(r, "force")
	pinsOnly, onlyErr := boolParam(r, "pins-only")
	if err = errors.Join(err, onlyErr); err != nil {
		a.fail(w, r, err)
		return
	}
	file, summary, err := spool(r.Body)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	defer file.Close()
	job := restoreJob{pinset: a.Pinset, cluster: a.Cluster, pinsOnly: pinsOnly || summary.Values == 0}
	err = job.run(r.Context(), file, summary, force)
	if err != nil && job.done != (restored{}) {
		err = fmt.Errorf("restored %d of %d pins; repeating is safe: %w", job.done.Pins, summary.Pins, err)
	}
	a.reply(w, r, job.done, err)
}

// spool keeps the body in an unnamed file and checks that it is sound.
func spool(body io.Reader) (*os.File, backup.Summary, error) {
	file, err := os.CreateTemp("", "underlay-restore-")
	if err != nil {
		return nil, backup.Summary{}, fmt.Errorf("keep backup: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil { // it lives on until it is closed
		return nil, backup.Summary{}, errors.Join(fmt.Errorf("keep backup: %w", err), file.Close())
	}
	summary, err := backup.Read(io.TeeReader(body, file), backup.Visitor{})
	switch {
	case errors.Is(err, backup.ErrDamaged), errors.Is(err, backup.ErrVersion):
		err = fault.With(http.StatusBadRequest, err)
	case err == nil && summary.Pins == 0 && summary.Stock:
		err = fault.With(http.StatusBadRequest, errors.New("the file is empty"))
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, summary, errors.Join(err, file.Close())
	}
	return file, summary, nil
}

// restoreJob is one restore under way.
type restoreJob struct {
	pinset   BulkPinset
	cluster  ClusterPins
	pinsOnly bool

	members map[peer.ID]bool
	batch   []api.Pin
	remove  []api.Cid
	done    restored
}

func (j *restoreJob) run(ctx context.Context, file io.ReadSeeker, summary backup.Summary, force bool) error {
	st, err := j.pinset.State(ctx)
	if err != nil {
		return err
	}
	ids, err := j.pinset.Members(ctx)
	if err != nil {
		return err
	}
	j.members = make(map[peer.ID]bool)
	for _, id := range ids {
		j.members[id] = true
	}
	switch replace := !summary.Stock; {
	case replace && !force:
		if err := refuseIfPinned(ctx, st); err != nil {
			return err
		}
	case replace && !summary.Sorted:
		return fault.With(http.StatusBadRequest, fmt.Errorf("%w: its pins are not in order", backup.ErrDamaged))
	}
	if !j.pinsOnly {
		if err := j.values(ctx, file, summary.Seal, force); err != nil {
			return err
		}
	}
	if !summary.Stock && force {
		return j.replace(ctx, st, file)
	}
	if _, err := backup.Read(file, backup.Visitor{Pin: func(p api.Pin) error { return j.add(ctx, p) }}); err != nil {
		return err
	}
	return j.flush(ctx)
}

func refuseIfPinned(ctx context.Context, st state.ReadOnly) error {
	found := errors.New("found a pin")
	err := eachPin(ctx, st, func(api.Pin) error { return found })
	if errors.Is(err, found) {
		return fault.With(http.StatusConflict, errNotEmpty)
	}
	return err
}

// replace walks the backup and the pinset side by side, both in the order of their CIDs, so that neither has to fit into
// memory: what only the pinset has is removed.
func (j *restoreJob) replace(ctx context.Context, st state.ReadOnly, file io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	have := make(chan api.Pin, buffer)
	listed := make(chan error, 1)
	go func() { listed <- st.List(ctx, have) }()

	next, more := <-have
	_, err := backup.Read(file, backup.Visitor{Pin: func(p api.Pin) error {
		for ; more && bytes.Compare(next.Cid.Bytes(), p.Cid.Bytes()) < 0; next, more = <-have {
			if err := j.drop(ctx, next.Cid); err != nil {
				return err
			}
		}
		if more && next.Cid.Equals(p.Cid) {
			next, more = <-have
		}
		return j.add(ctx, p)
	}})
	for ; err == nil && more; next, more = <-have {
		err = j.drop(ctx, next.Cid)
	}
	if err != nil {
		cancel() // ends the listing
		<-listed
		return err
	}
	return errors.Join(<-listed, j.flush(ctx))
}

// add commits a pin. One that is allocated to peers that are no members here is allocated anew.
func (j *restoreJob) add(ctx context.Context, p api.Pin) error {
	for _, id := range p.Allocations {
		if j.members[id] {
			continue
		}
		if _, err := j.cluster.Pin(ctx, p.Cid, p.PinOptions); err != nil {
			return fmt.Errorf("allocate %s anew: %w", p.Cid, err)
		}
		j.done.Pins++
		return nil
	}
	j.batch = append(j.batch, p)
	if len(j.batch) < restoreBatch {
		return nil
	}
	return j.flush(ctx)
}

func (j *restoreJob) drop(ctx context.Context, c api.Cid) error {
	j.remove = append(j.remove, c)
	if len(j.remove) < restoreBatch {
		return nil
	}
	return j.flush(ctx)
}

func (j *restoreJob) flush(ctx context.Context) error {
	if err := j.pinset.CommitPins(ctx, j.batch, j.remove); err != nil {
		return err
	}
	j.done.Pins += len(j.batch)
	j.done.Removed += len(j.remove)
	j.batch, j.remove = j.batch[:0], j.remove[:0]
	return nil
}
