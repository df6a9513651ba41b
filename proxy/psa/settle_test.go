package psa

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/internal/pinstatus"
	"github.com/underlay/underlay/internal/testkit"
)

// waiting counts the CIDs that are not known to be held.
func (r *rig) waiting() int {
	n := 0
	for key := range r.stored() {
		if strings.HasPrefix(key, waitSpace) {
			n++
		}
	}
	return n
}

// The leader notes by itself what is held, as it becomes so, and a follower leaves that to it.
func TestServe(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- r.Service.Serve(ctx) }()
	late := cidOf(t, 1)
	r.cluster.becomes(late, pinstatus.Holder{Status: api.TrackerStatusPinning})
	r.post(cidOf(t, 0), "")
	r.post(late, "")
	testkit.Eventually(t, patience, "one waits", func() bool { return r.waiting() == 1 })
	r.cluster.becomes(late, pinstatus.Holder{Status: api.TrackerStatusPinned})
	testkit.Eventually(t, patience, "none waits", func() bool { return r.waiting() == 0 })
	r.post(cidOf(t, 2), "later")
	testkit.Eventually(t, patience, "none waits again", func() bool { return r.waiting() == 0 })

	r.cluster.follows.Store(true)
	asked := r.cluster.questions()
	r.post(cidOf(t, 3), "")
	testkit.Eventually(t, patience, "the follower looks on", func() bool {
		now, err := r.NextValues(t.Context(), space, 0)
		return err == nil && now > 0
	})
	cancel()
	select {
	case err := <-served:
		if err != nil {
			t.Errorf("serve: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
	if r.waiting() != 1 || r.cluster.questions() != asked {
		t.Errorf("a follower settled pins: %d wait, %d questions", r.waiting(), r.cluster.questions()-asked)
	}
}
