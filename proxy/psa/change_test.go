package psa

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"golang.org/x/sync/errgroup"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/pinstatus"
)

// Requests for one CID live side by side, each with its own id, time and name, and whichever goes last takes the pin.
func TestRequestsForOneCid(t *testing.T) {
	for what, order := range map[string][]int{"first made goes first": {0, 1, 2}, "last made goes first": {2, 1, 0}, "from the middle": {1, 0, 2}} {
		r, c := newRig(t), cidOf(t, 1)
		var made []PinStatus
		for _, name := range []string{"one", "two", "three"} {
			made = append(made, r.post(c, name))
		}
		if got := ids(r.list("cid=" + c.String())); len(got) != 3 || got[0] != made[2].RequestID || got[2] != made[0].RequestID {
			t.Errorf("%s: listed %q", what, got)
		}
		for i, n := range order {
			if pin := r.pinned(c); !pin.Defined() || pin.Name != "one" || pin.Mode != api.PinModeRecursive {
				t.Errorf("%s: after %d ends the pin is %v", what, i, pin)
			}
			r.delete(made[n].RequestID)
			if a := r.ask("GET", "/pins/"+made[n].RequestID, ""); a.code != http.StatusNotFound {
				t.Errorf("%s: a request that has ended is there: %s", what, a.body)
			}
			if a := r.ask("DELETE", "/pins/"+made[n].RequestID, ""); a.code != http.StatusNotFound {
				t.Errorf("%s: a request ends twice: %s", what, a.body)
			}
			if n := r.list(every).Count; n != 2-i {
				t.Errorf("%s: %d requests are left, want %d", what, n, 2-i)
			}
		}
		if pin := r.pinned(c); pin.Defined() {
			t.Errorf("%s: the pin is left: %v", what, pin)
		}
		r.checkEmpty()
	}
}

// What was pinned through another API before, or is since, stays as it is when requests end.
func TestPinsOfOthers(t *testing.T) {
	everywhere := api.PinOptions{ReplicationFactorMin: -1, ReplicationFactorMax: -1, Name: "theirs"}
	direct, expiring := everywhere, everywhere
	direct.Mode = api.PinModeDirect
	expiring.ExpireAt = time.Now().Add(time.Hour).Truncate(time.Second).UTC()
	theirs := func(c api.Cid, o api.PinOptions) consensus.Op { return consensus.PinOp(api.PinWithOpts(c, o)) }
	for what, before := range map[string]*api.PinOptions{
		"pinned since": nil, "pinned before": &everywhere, "pinned directly before": &direct, "expires": &expiring,
	} {
		r, c := newRig(t), cidOf(t, 1)
		if before != nil {
			r.commit(theirs(c, *before))
		}
		made := []PinStatus{r.post(c, "ours"), r.post(c, "ours too")}
		pin := r.pinned(c)
		if pin.Mode != api.PinModeRecursive || pin.MaxDepth != -1 || !pin.ExpireAt.IsZero() {
			t.Errorf("%s: a request leads to %v", what, pin)
		}
		if before == nil {
			if pin.Name != "ours" {
				t.Errorf("%s: the pin is %v", what, pin)
			}
			r.commit(theirs(c, everywhere))
		}
		for _, m := range made {
			r.delete(m.RequestID)
		}
		if pin = r.pinned(c); pin.Name != "theirs" {
			t.Errorf("%s: at last the pin is %v", what, pin)
		}
		r.checkEmpty()
	}
}

// A pin that was removed through another API is not made again by itself: its requests have failed, and say why. The
// next request makes it again, for all of them.
func TestUnpinnedByOthers(t *testing.T) {
	r, c := newRig(t), cidOf(t, 1)
	first := r.post(c, "first")
	for _, settled := range []bool{false, true} {
		if settled {
			r.settleAll()
		}
		r.commit(consensus.UnpinOp(c))
		got := want[PinStatus](t, r.ask("GET", "/pins/"+first.RequestID, ""), http.StatusOK)
		if got.Status != statusFailed || got.Info["status_details"] == "" {
			t.Errorf("settled %t: after an unpin it is %+v", settled, got)
		}
		if failed, pinned := r.list("status=failed"), r.list("status=pinned"); failed.Count != 1 || pinned.Count != 0 {
			t.Errorf("settled %t: failed %+v, pinned %+v", settled, failed, pinned)
		}
		second := r.post(c, "second")
		for _, id := range []string{first.RequestID, second.RequestID} {
			if got := want[PinStatus](t, r.ask("GET", "/pins/"+id, ""), http.StatusOK); got.Status != statusPinned {
				t.Errorf("settled %t: after another request it is %+v", settled, got)
			}
		}
		r.delete(second.RequestID)
	}
	r.delete(first.RequestID)
	if r.pinned(c).Defined() {
		t.Error("the pin is left")
	}
	r.checkEmpty()
}

// settleAll notes what is held, until no CID waits.
func (r *rig) settleAll() {
	r.t.Helper()
	for range 3 {
		_, waiting, err := r.settle(r.t.Context())
		if err != nil {
			r.t.Fatal(err)
		}
		if !waiting {
			return
		}
	}
	r.t.Fatalf("CIDs wait for ever: %q", r.stored())
}

// A replaced request is gone at once, and its pin as soon as that of the new one is held, so that blocks that they share
// are pinned all the time.
func TestReplacement(t *testing.T) {
	r, old, next := newRig(t), cidOf(t, 1), cidOf(t, 2)
	r.cluster.becomes(next, pinstatus.Holder{Status: api.TrackerStatusPinning, Progress: pinstatus.Progress{Nodes: 3, Bytes: 4000}})
	made := r.post(old, "old")
	r.settleAll()
	replaced := want[PinStatus](t, r.ask("POST", "/pins/"+made.RequestID, fmt.Sprintf(`{"cid":%q,"name":"next"}`, next)), http.StatusAccepted)
	if replaced.RequestID == made.RequestID || !replaced.Pin.Cid.Equals(next) {
		t.Errorf("replaced by %+v", replaced)
	}
	for _, method := range []string{"GET", "DELETE", "POST"} {
		if a := r.ask(method, "/pins/"+made.RequestID, fmt.Sprintf(`{"cid":%q}`, next)); a.code != http.StatusNotFound {
			t.Errorf("%s of the old request: %d %s", method, a.code, a.body)
		}
	}
	if got := ids(r.list(every)); len(got) != 1 || got[0] != replaced.RequestID {
		t.Errorf("listed %q", got)
	}
	if _, waiting, err := r.settle(t.Context()); err != nil || !waiting || !r.pinned(old).Defined() {
		t.Errorf("the old pin is gone (%t, %v) before the new one is held", waiting, err)
	}
	r.cluster.becomes(next, pinstatus.Holder{Status: api.TrackerStatusPinned})
	r.settleAll()
	if r.pinned(old).Defined() || !r.pinned(next).Defined() {
		t.Error("the new pin is held, and the old one not gone")
	}
	again := want[PinStatus](t, r.ask("POST", "/pins/"+replaced.RequestID, fmt.Sprintf(`{"cid":%q,"name":"renamed"}`, next)), http.StatusAccepted)
	if pin := r.pinned(next); pin.Name != "renamed" {
		t.Errorf("a replacement for the same CID leads to %v", pin)
	}
	r.delete(again.RequestID)
	r.checkEmpty()
}

// A pin that waits for its successor is an ordinary one again as soon as somebody asks for it, and goes if the successor
// does.
func TestReplacementIsTakenBack(t *testing.T) {
	for what, wanted := range map[string]bool{"asked for again": true, "the new request ends": false} {
		r, old, next := newRig(t), cidOf(t, 1), cidOf(t, 2)
		r.cluster.becomes(next, pinstatus.Holder{Status: api.TrackerStatusPinning})
		made := r.post(old, "old")
		replaced := want[PinStatus](t, r.ask("POST", "/pins/"+made.RequestID, fmt.Sprintf(`{"cid":%q}`, next)), http.StatusAccepted)
		var again PinStatus
		if wanted {
			again = r.post(old, "again")
		}
		r.delete(replaced.RequestID)
		r.settleAll()
		if pin := r.pinned(old); pin.Defined() != wanted {
			t.Errorf("%s: the old pin is %v", what, pin)
		}
		if wanted {
			r.delete(again.RequestID)
		}
		if r.pinned(old).Defined() || r.pinned(next).Defined() {
			t.Errorf("%s: a pin is left", what)
		}
		r.checkEmpty()
	}
}

// While many make and end requests for few CIDs, whoever has a request has the pin, and when all have ended nothing is
// left.
func TestManyAtOnce(t *testing.T) {
	const clients, rounds, cids = 8, 12, 2
	r := newRig(t)
	var g errgroup.Group
	for client := range clients {
		g.Go(func() error {
			for range rounds {
				c := cidOf(t, rand.IntN(cids))
				made, err := r.create(t.Context(), Pin{Cid: c, Name: fmt.Sprint(client)})
				if err != nil {
					return err
				}
				pins, err := r.Pins(t.Context())
				if err != nil {
					return err
				}
				if pinned, err := pins.Has(t.Context(), c); err != nil || !pinned {
					return fmt.Errorf("%s is requested and not pinned, %w", c, err)
				}
				if rand.IntN(2) == 0 {
					if made, err = r.replace(t.Context(), made.id, Pin{Cid: cidOf(t, rand.IntN(cids))}); err != nil {
						return err
					}
				}
				if err := r.remove(t.Context(), made.id); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	r.settleAll()
	for n := range cids {
		if pin := r.pinned(cidOf(t, n)); pin.Defined() {
			t.Errorf("left: %v", pin)
		}
	}
	r.checkEmpty()
}

// Two requests never have the same time, though two peers may give them the same.
func TestTimesAreUnique(t *testing.T) {
	r := newRig(t)
	now := time.Now()
	var made []request
	for n := range 2 {
		tries := 0
		err := r.change(t.Context(), func(d *draft) error {
			at := now.Add(time.Duration(max(0, tries-2)) * time.Microsecond) // a clock that stands still for a while
			tries++
			made = append(made[:n], request{newRequestID(at), Pin{Cid: cidOf(t, n)}})
			return d.add(made[n])
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if made[0].id.time == made[1].id.time || r.list(every).Count != 2 {
		t.Errorf("made %v: %v", made, r.list(every))
	}
}
