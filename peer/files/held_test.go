package files

import (
	"slices"
	"testing"

	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
)

func TestHeldIsRemembered(t *testing.T) {
	store := datastore.NewMapDatastore()
	h, err := loadHeld(t.Context(), store)
	if err != nil || h.now().Root != unixfs.EmptyDirNode().Cid() {
		t.Fatalf("a new one holds %v, %v", h.now(), err)
	}
	want := heldRecord{named(t, "root"), 7}
	if err := h.set(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	again, err := loadHeld(t.Context(), store)
	if err != nil || again.now() != want {
		t.Errorf("loaded %v, %v, want %v", again.now(), err, want)
	}
}

// What was sent for a later tree is spared until a tree after it is held, which has it or never will.
func TestExpectedBlocksAreSpared(t *testing.T) {
	h, err := loadHeld(t.Context(), datastore.NewMapDatastore())
	if err != nil {
		t.Fatal(err)
	}
	a, b := named(t, "a"), named(t, "b")
	h.expect(3, []cid.Cid{a})
	h.expect(5, []cid.Cid{b})
	for _, c := range []struct {
		revision uint64
		want     []cid.Cid
	}{{3, []cid.Cid{a, b}}, {5, []cid.Cid{b}}, {6, nil}} {
		if err := h.set(t.Context(), heldRecord{named(t, "root"), c.revision}); err != nil {
			t.Fatal(err)
		}
		if _, got := h.all(); !slices.Equal(got, c.want) {
			t.Errorf("at revision %d %v are spared, want %v", c.revision, got, c.want)
		}
	}
}
