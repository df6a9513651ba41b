package psa

import (
	"context"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/consensus"
)

// move writes a pin anew as the cluster does when it gives the pin other holders; meanwhile runs before that is committed.
func (r *rig) move(c api.Cid, meanwhile func()) {
	r.t.Helper()
	raced := false
	_, err := r.Transact(r.t.Context(), func(ctx context.Context) ([]consensus.Op, error) {
		pin, revision, err := r.Local().GetRevision(ctx, c)
		if err != nil {
			return nil, err
		}
		pin.Origins = nil // something that the cluster could change
		along, err := CarryClaim(ctx, r.Value, c, revision)
		if !raced {
			raced = true
			meanwhile()
		}
		return append(along, consensus.PinOp(pin).IfRevision(revision)), err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// Whose a pin is does not change when the cluster gives it other holders.
func TestMovedPins(t *testing.T) {
	nothing := func() {}
	theirs := func(r *rig, c api.Cid) { r.commit(consensus.PinOp(api.PinCid(c))) }
	for what, test := range map[string]struct {
		stays bool
		run   func(r *rig, c api.Cid)
	}{
		"moved": {false, func(r *rig, c api.Cid) {
			made := r.post(c, "")
			r.move(c, nothing)
			r.move(c, nothing)
			r.delete(made.RequestID)
		}},
		"moved between requests": {false, func(r *rig, c api.Cid) {
			one := r.post(c, "one")
			r.move(c, nothing)
			two := r.post(c, "two")
			r.delete(one.RequestID)
			r.move(c, nothing)
			r.delete(two.RequestID)
		}},
		"moved while a request comes": {false, func(r *rig, c api.Cid) {
			made := []PinStatus{r.post(c, "one")}
			r.move(c, func() { made = append(made, r.post(c, "two")) })
			for _, m := range made {
				r.delete(m.RequestID)
			}
		}},
		"moved, then pinned by others": {true, func(r *rig, c api.Cid) {
			made := r.post(c, "")
			r.move(c, nothing)
			theirs(r, c)
			r.delete(made.RequestID)
		}},
		"pinned by others, then moved": {true, func(r *rig, c api.Cid) {
			made := r.post(c, "")
			theirs(r, c)
			r.move(c, nothing)
			r.delete(made.RequestID)
		}},
		"pinned by others while it is moved": {true, func(r *rig, c api.Cid) {
			made := r.post(c, "")
			r.move(c, func() { theirs(r, c) })
			r.delete(made.RequestID)
		}},
		"never requested": {true, func(r *rig, c api.Cid) {
			theirs(r, c)
			r.move(c, nothing)
		}},
	} {
		t.Run(what, func(t *testing.T) {
			r, c := newRig(t), cidOf(t, 1)
			test.run(r, c)
			if pin := r.pinned(c); pin.Defined() != test.stays {
				t.Errorf("at last the pin is %v", pin)
			}
			r.checkEmpty()
		})
	}
}
