package swap

import (
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// The exchange without the wider network gets what members have, and gives up soon and for sure on all else, which the wider
// network could give.
func TestInside(t *testing.T) {
	nodes := newCluster(t, 3)
	list := makeBlocks(4, 100)
	nodes[2].put(t, list[:2]...)
	nodes[0].wider.add(list...)
	inside := nodes[0].Inside()
	if _, err := inside.GetBlock(t.Context(), list[0].Cid()); err != nil {
		t.Errorf("what a member has: %v", err)
	}
	began := time.Now()
	if _, err := inside.NewSession(t.Context()).GetBlock(t.Context(), list[3].Cid()); !ipld.IsNotFound(err) {
		t.Errorf("what no member has: %v", err)
	}
	if took := time.Since(began); took > patience {
		t.Errorf("it took %s", took)
	}
	found, err := inside.GetBlocks(t.Context(), cidsOf(list))
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[cid.Cid]bool)
	for block := range found {
		got[block.Cid()] = true
	}
	if len(got) != 2 || !got[list[0].Cid()] || !got[list[1].Cid()] {
		t.Errorf("got %v", got)
	}
	if n := nodes[0].wider.count(); n > 0 {
		t.Errorf("the wider network was asked %d times", n)
	}
	if err := inside.Close(); err != nil {
		t.Error(err)
	}
	if _, err := nodes[0].GetBlock(t.Context(), list[1].Cid()); err != nil {
		t.Errorf("after closing it, the whole exchange: %v", err)
	}
}
