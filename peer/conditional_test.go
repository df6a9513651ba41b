package peer

import (
	"errors"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"

	"github.com/underlay/underlay/consensus"
)

// A change that names a revision happens only to the pin that had it, and undoes nothing that came between.
func TestConditionalChanges(t *testing.T) {
	addr := freePorts(t, 1)[0]
	r := startPeer(t, testOptions(t.TempDir(), addr))
	r.awaitReady()
	root, leaf := r.addTree("conditional")
	nowhere, _ := tree(t, "nowhere")
	a, c, ctx := r.API(), api.NewCid(root.Cid()), t.Context()
	if _, _, err := a.PinRevision(ctx, c); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("the revision of no pin: %v", err)
	}
	if _, err := a.RepinAt(ctx, c, api.PinOptions{}, 1); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("repin of no pin: %v", err)
	}
	if _, err := a.Pin(ctx, c, api.PinOptions{Name: "first", Metadata: map[string]string{"k": "v"}}); err != nil {
		t.Fatal(err)
	}
	pin, old, err := a.PinRevision(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	o := pin.PinOptions
	o.Name = "second"
	if pin, err := a.RepinAt(ctx, c, o, old); err != nil || pin.Name != "second" || pin.Metadata["k"] != "v" {
		t.Errorf("repin: %+v, %v", pin, err)
	}
	o.Name = "third"
	_, errRepin := a.RepinAt(ctx, c, o, old)
	errUnpin := a.UnpinAt(ctx, c, old)
	if !errors.Is(errRepin, consensus.ErrConflict) || !errors.Is(errUnpin, consensus.ErrConflict) {
		t.Errorf("changes of an old pin: %v, %v", errRepin, errUnpin)
	}
	pin, now, err := a.PinRevision(ctx, c)
	if err != nil || pin.Name != "second" || now == old {
		t.Errorf("the pin is %+v, %v", pin, err)
	}
	if size, known := a.SizeOf(ctx, c); !known || size <= uint64(len(leaf.RawData())) {
		t.Errorf("its size is %d, %t", size, known)
	}
	if _, known := a.SizeOf(ctx, api.NewCid(nowhere.Cid())); known {
		t.Error("the size of what is not here is known")
	}
	if err := a.UnpinAt(ctx, c, now); err != nil {
		t.Errorf("unpin: %v", err)
	}
	if _, _, err := a.PinRevision(ctx, c); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("after the unpin: %v", err)
	}
}
