package reconcile

import (
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// The reconciler does not run: what is dropped is dropped by the call.
func TestDropsWhatThePinsetDoesNotWant(t *testing.T) {
	g := newRig(t)
	wanted, gone := g.addTree("wanted"), g.addTree("gone")
	for _, tr := range []tree{wanted, gone} {
		g.pinLocally(tr.pin(api.PinModeRecursive))
	}
	g.feed.set(wanted.pin(api.PinModeRecursive))
	close(g.feed.ready)
	if err := g.DropUnwanted(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := g.local(wanted.pin(0)); got != api.IPFSPinStatusRecursive {
		t.Errorf("what is wanted is %v", got)
	}
	if got := g.local(gone.pin(0)); got != api.IPFSPinStatusUnpinned {
		t.Errorf("what is not wanted is %v", got)
	}
}

// A pin is made here before it is committed, with its CID locked.
func TestDropsNothingThatIsBeingPinned(t *testing.T) {
	g := newRig(t)
	tr := g.addTree("new")
	close(g.feed.ready)
	unlock := g.pins.Lock(tr.pin(0).Cid.Cid)
	g.pinLocally(tr.pin(api.PinModeRecursive))
	done := make(chan error, 1)
	go func() { done <- g.DropUnwanted(t.Context()) }()
	select {
	case err := <-done:
		t.Errorf("it did not wait for the pin that is being made: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	g.feed.set(tr.pin(api.PinModeRecursive))
	unlock()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := g.local(tr.pin(0)); got != api.IPFSPinStatusRecursive {
		t.Errorf("the new pin is %v", got)
	}
}
