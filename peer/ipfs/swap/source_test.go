package swap

import (
	"testing"
	"time"
)

// A source finds a block with whichever member has it, asks nobody else, and tells how many members do not have one.
func TestSource(t *testing.T) {
	nodes := newCluster(t, 3)
	list := makeBlocks(2, 1000)
	nodes[2].put(t, list[0])
	nodes[0].wider.add(list[1])
	source := nodes[0].NewSource()
	for range 2 { // the second time it knows whom to ask
		block, _, err := source.Get(t.Context(), list[0].Cid())
		if err != nil || block == nil || string(block.RawData()) != string(list[0].RawData()) {
			t.Fatalf("got %v, %v", block, err)
		}
	}
	block, absent, err := source.Get(t.Context(), list[1].Cid())
	if block != nil || absent != 2 || err != nil {
		t.Errorf("of what only the wider network has: %v, absent from %d, %v", block, absent, err)
	}
	if n := nodes[0].wider.count(); n != 0 {
		t.Errorf("the wider network was asked for %d blocks", n)
	}
}

// A member that hangs keeps nobody, and does not count as one that lacks the block.
func TestSourceBesideAMemberThatHangs(t *testing.T) {
	n := newFake(t, hang)
	began := time.Now()
	block, absent, err := n.NewSource().Get(t.Context(), makeBlocks(1, 10)[0].Cid())
	if block != nil || absent != 0 || err != nil {
		t.Errorf("got %v, absent from %d, %v", block, absent, err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}
