package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/go-cid"

	"github.com/underlay/underlay/consensus"
)

const (
	// scanPage is how many pins of the pinset are read at a time; no longer is a view of the state held.
	scanPage = 1024
	// maxScanned and maxFresh bound what waits for a worker, so that memory does not grow with the work there is: a scan
	// waits until there is room, and changes wait in the state, which gives up listing them in the end and asks for a scan.
	maxScanned = 4096
	maxFresh   = 16384
)

// scanWhenAsked compares the pinset with the local pins at the start and whenever anything may have changed. Changes that
// are known are followed meanwhile.
func (r *Reconciler) scanWhenAsked(ctx context.Context) error {
	for {
		r.scanning.Store(true)
		if err := r.scan(ctx); err != nil {
			return err
		}
		r.scanning.Store(false)
		r.check.scanned()
		select {
		case <-r.rescan:
		case <-ctx.Done():
			return nil
		}
	}
}

// scan queues every CID whose local pin differs from what the pinset wants.
func (r *Reconciler) scan(ctx context.Context) error {
	err := r.eachPin(ctx, func(pin api.Pin) error {
		held, err := r.pins.Has(ctx, pin)
		if err != nil || held == r.wants(pin) {
			return err
		}
		return r.enqueueScanned(ctx, pin.Cid.Cid)
	})
	if err != nil {
		return fmt.Errorf("compare pinset with local pins: %w", err)
	}
	err = r.pins.Each(ctx, func(c cid.Cid, _ api.IPFSPinStatus) error {
		known, err := r.feed.Local().Has(ctx, api.NewCid(c))
		if err != nil || known {
			return err
		}
		return r.enqueueScanned(ctx, c)
	})
	if err != nil {
		return fmt.Errorf("compare local pins with pinset: %w", err)
	}
	return nil
}

func (r *Reconciler) enqueueScanned(ctx context.Context, c cid.Cid) error {
	if err := r.queue.awaitRoom(ctx, maxScanned); err != nil {
		return err
	}
	r.check.add(c)
	r.enqueue(c, false)
	return nil
}

// eachPin calls f for every pin of this peer's applied state. Pins that come or go meanwhile may be missed.
func (r *Reconciler) eachPin(ctx context.Context, f func(api.Pin) error) error {
	return consensus.EachPage(ctx, r.feed.Local(), scanPage, consensus.Every, func(page []api.Pin) error {
		for _, pin := range page {
			if err := f(pin); err != nil {
				return err
			}
		}
		return nil
	})
}

// ErrUnchecked reports that the local pins have not been compared with the pinset since the start.
var ErrUnchecked = errors.New("local pins are still being compared with the pinset after the start; try again later")

// Checked returns nil once every pin that the first scan has missed among the local pins was looked after: by then what
// is here whole is pinned again, whatever a power cut took from the table of local pins.
func (r *Reconciler) Checked() error { return r.check.err() }

// startCheck follows the CIDs that the first scan finds until an attempt at each has shown whether its blocks are here.
type startCheck struct {
	mu   sync.Mutex
	over bool // the scan is
	open map[cid.Cid]struct{}
}

func (s *startCheck) add(c cid.Cid) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	if s.open == nil {
		s.open = make(map[cid.Cid]struct{})
	}
	s.open[c] = struct{}{}
}

func (s *startCheck) attempted(c cid.Cid) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

func (s *startCheck) scanned() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
}

func (s *startCheck) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over || len(s.open) > 0 {
		return ErrUnchecked
	}
	return nil
}
