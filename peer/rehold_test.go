package peer

import (
	"context"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
)

// New holders of pins, and what is carried along with them, are committed in one step, and never undo what somebody has
// made of a pin meanwhile.
func TestRehold(t *testing.T) {
	o := testOptions(t.TempDir(), freePorts(t, 1)[0])
	o.CarryAlong = func(_ context.Context, _ func(context.Context, string) (consensus.Value, error), c api.Cid, _ uint64) ([]consensus.Op, error) {
		return []consensus.Op{consensus.SetValueOp("test/"+c.String(), nil)}, nil
	}
	r := startPeer(t, o)
	r.awaitReady()
	pins := allocated(t, 3, 1, r.ID())
	gone := pins[2].Cid
	for _, pin := range pins[:2] {
		if err := r.CommitPins(t.Context(), []api.Pin{pin}, nil); err != nil {
			t.Fatal(err)
		}
	}
	other, changed := testID(t), false
	got, index, err := r.rehold(t.Context(), []api.Cid{pins[0].Cid, gone, pins[1].Cid}, func(pin api.Pin) []peer.ID {
		if !changed && pin.Cid == pins[1].Cid {
			changed = true
			pin.Name = "named meanwhile"
			if err := r.CommitPins(t.Context(), []api.Pin{pin}, nil); err != nil {
				t.Error(err)
			}
		}
		return []peer.ID{other}
	})
	if err != nil || len(got) != 2 || !changed {
		t.Fatalf("moved %v, %v", got, err)
	}
	for i, c := range []api.Cid{pins[0].Cid, pins[1].Cid} {
		pin, revision, err := r.pinNow(t.Context(), c)
		if err != nil || revision != index || len(pin.Allocations) != 1 || pin.Allocations[0] != other || pin.Name != []string{"", "named meanwhile"}[i] {
			t.Errorf("pin %d is %v of revision %d, %v; want revision %d", i, pin, revision, err, index)
		}
		if along, err := r.consensus.Value(t.Context(), "test/"+c.String()); err != nil || along.Revision != index {
			t.Errorf("with pin %d goes %+v, %v", i, along, err)
		}
	}
	if _, err := r.consensus.Value(t.Context(), "test/"+gone.String()); err == nil {
		t.Error("something was carried along with a pin that is gone")
	}
}
