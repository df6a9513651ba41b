package itest

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	racePins = 40
	raceSize = 1000 // bytes of what is added
	// raceBytes have room for fewer adds than there may be pins: what is pinned by its CID has no bytes to speak of.
	raceBytes = 30 * raceSize
)

// quotaRace is many clients of one credential.
type quotaRace struct {
	t       *testing.T
	c       *Cluster
	next    atomic.Int64
	added   atomic.Int64
	refused atomic.Int64

	mu   sync.Mutex
	cids []string // that were acknowledged
}

// content makes bytes that nobody has added.
func (r *quotaRace) content(size int) []byte {
	return fmt.Appendf(nil, "%0*d", size, r.next.Add(1))
}

// try pins something new through a peer, and notes what has become of it.
func (r *quotaRace) try(p *Peer, byCid bool) error {
	var cid string
	var err error
	if byCid {
		cid = InlineCid(string(r.content(10)))
		_, err = p.Do(http.MethodPost, "/pins/"+cid)
	} else {
		cid, err = p.Add(r.content(raceSize), "cid-version=1&raw-leaves=true")
	}
	switch status, _ := asStatus(err); {
	case err == nil:
		r.added.Add(1)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.cids = append(r.cids, cid)
	case status == http.StatusInsufficientStorage:
		r.refused.Add(1)
	}
	return err
}

// take returns a CID that was acknowledged and that nobody else unpins.
func (r *quotaRace) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.cids) == 0 {
		return ""
	}
	cid := r.cids[0]
	r.cids = r.cids[1:]
	return cid
}

// everywhere has several clients on each peer do something.
func (r *quotaRace) everywhere(do func(p *Peer, n int)) {
	var running sync.WaitGroup
	for _, p := range r.c.Peers {
		for n := range 5 {
			running.Go(func() { do(p, n) })
		}
	}
	running.Wait()
}

// within fails when more is pinned than may be, by what each peer has applied.
func (r *quotaRace) within() {
	for _, p := range r.c.Peers {
		if !p.running {
			continue
		}
		if pins, err := p.Allocations(); err == nil && len(pins) > racePins {
			r.t.Errorf("%s has %d pins, at most %d", p.Name, len(pins), racePins)
		}
		if got, err := p.used(); err == nil && (got.Pins > racePins || got.Bytes > raceBytes) {
			r.t.Errorf("through %s: %+v are kept", p.Name, got)
		}
	}
}

// adds checks that what the credential keeps is what is pinned, and returns how much that is.
func (r *quotaRace) adds() (kept usage) {
	r.t.Helper()
	Eventually(r.t, time.Minute, func() error {
		pins, err := r.c.Peers[1].Allocations()
		if err != nil {
			return err
		}
		kept = usage{Pins: uint64(len(pins))}
		for cid := range pins {
			if strings.HasPrefix(cid, "bafkr") { // a raw block with a hash
				kept.Bytes += raceSize
			} else { // its content is in the CID
				kept.Bytes += 10
			}
		}
		for _, p := range r.c.Peers {
			if got, err := p.used(); err != nil || got != kept {
				return fmt.Errorf("through %s: %+v are kept (%v), and pinned are %+v", p.Name, got, err, kept)
			}
		}
		return nil
	})
	return kept
}

// Many clients on all peers never get more than the quota, get all of it, and get back what they unpin, whatever fails
// meanwhile and whoever leads.
func TestQuotaIsNeverExceeded(t *testing.T) {
	c := startWithAdmin(t)
	_, token := c.Peers[0].makeLimited(t, fmt.Sprintf(`"max_pins": %d, "max_bytes": %d`, racePins, raceBytes))
	c.As(token)
	r := &quotaRace{t: t, c: c}
	fill := func() {
		r.everywhere(func(p *Peer, n int) {
			for range 6 {
				_ = r.try(p, n%2 == 0)
			}
			r.within()
		})
	}
	fill()
	if kept := r.adds(); kept.Pins != racePins || r.added.Load() != racePins || r.refused.Load() == 0 {
		t.Errorf("%d were acknowledged, %d refused, and %+v are kept", r.added.Load(), r.refused.Load(), kept)
	}
	for range 15 {
		if _, err := c.Peers[2].Do(http.MethodDelete, "/pins/"+r.take()); err != nil {
			t.Fatal(err)
		}
	}
	if kept := r.adds(); kept.Pins != racePins-15 {
		t.Errorf("after 15 unpins, %+v are kept", kept)
	}
	fill()
	if kept := r.adds(); kept.Pins != racePins {
		t.Errorf("what was given back is not used: %+v are kept", kept)
	}
	r.churn()
	kept := r.adds()
	c.KillAll(c.Peers...)
	for _, p := range c.Peers {
		c.Restart(p)
	}
	c.AwaitReady(c.Peers...)
	if again := r.adds(); again != kept {
		t.Errorf("after a restart of all, %+v are kept instead of %+v", again, kept)
	}
	r.within()
	c.As(quotaAdmin)
}

// churn pins and unpins while leaders die.
func (r *quotaRace) churn() {
	var stop atomic.Bool
	var running sync.WaitGroup
	running.Go(func() {
		r.everywhere(func(p *Peer, n int) {
			for !stop.Load() {
				_ = r.try(p, n%2 == 0)
				if cid := r.take(); cid != "" {
					_, _ = p.Do(http.MethodDelete, "/pins/"+cid) // what becomes of it may be unknown
				}
			}
		})
	})
	for range 2 {
		done := r.added.Load()
		Eventually(r.t, time.Minute, func() error {
			if got := r.added.Load() - done; got < 30 {
				return fmt.Errorf("%d were added", got)
			}
			return nil
		})
		leader := r.c.leader()
		r.c.Kill(leader)
		r.within()
		r.c.Restart(leader)
		r.c.AwaitReady(leader)
		r.within()
	}
	stop.Store(true)
	running.Wait()
}
