package ipfs

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

func TestPinChangesMode(t *testing.T) {
	node := newNode(t)
	pins := newPins(t, node)
	tr := addTree(t, node, "modes")
	direct, recursive := pinOf(tr.root, api.PinModeDirect), pinOf(tr.root, api.PinModeRecursive)
	for _, step := range []struct {
		name string
		do   func() error
		want api.IPFSPinStatus
	}{
		{"unpin what is not pinned", func() error { return pins.Unpin(t.Context(), tr.root.Cid()) }, api.IPFSPinStatusUnpinned},
		{"direct", func() error { return pins.Pin(t.Context(), direct) }, api.IPFSPinStatusDirect},
		{"direct again", func() error { return pins.Pin(t.Context(), direct) }, api.IPFSPinStatusDirect},
		{"direct to recursive", func() error { return pins.Pin(t.Context(), recursive) }, api.IPFSPinStatusRecursive},
		{"recursive again", func() error { return pins.Pin(t.Context(), recursive) }, api.IPFSPinStatusRecursive},
		{"recursive to direct", func() error { return pins.Pin(t.Context(), direct) }, api.IPFSPinStatusDirect},
		{"unpin direct", func() error { return pins.Unpin(t.Context(), tr.root.Cid()) }, api.IPFSPinStatusUnpinned},
		{"recursive", func() error { return pins.Pin(t.Context(), recursive) }, api.IPFSPinStatusRecursive},
		{"unpin recursive", func() error { return pins.Unpin(t.Context(), tr.root.Cid()) }, api.IPFSPinStatusUnpinned},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		got, err := pins.Status(t.Context(), tr.root.Cid())
		if err != nil || got != step.want {
			t.Fatalf("%s: status is %v, %v; want %v", step.name, got, err, step.want)
		}
		for _, pin := range []api.Pin{direct, recursive} {
			held, err := pins.Has(t.Context(), pin)
			if want := wantedStatus(pin) == step.want; err != nil || held != want {
				t.Errorf("%s: has the %v pin: %v, %v; want %v", step.name, pin.Mode, held, err, want)
			}
		}
	}
}

func TestIndirectPinIsNotAPin(t *testing.T) {
	node := newNode(t)
	pins := newPins(t, node)
	tr := addTree(t, node, "indirect")
	if err := pins.Pin(t.Context(), pinOf(tr.root, api.PinModeRecursive)); err != nil {
		t.Fatal(err)
	}
	if status, err := pins.Status(t.Context(), tr.left.Cid()); err != nil || status != api.IPFSPinStatusUnpinned {
		t.Errorf("status of a leaf: %v, %v", status, err)
	}
}

func TestEachListsEveryPinOnce(t *testing.T) {
	node := newNode(t)
	pins := newPins(t, node)
	want := make(map[cid.Cid]api.IPFSPinStatus)
	for i, name := range []string{"a", "b", "c", "d"} {
		tr := addTree(t, node, name)
		pin := pinOf(tr.root, api.PinMode(i%2)) // recursive, direct, ...
		if err := pins.Pin(t.Context(), pin); err != nil {
			t.Fatal(err)
		}
		want[tr.root.Cid()] = wantedStatus(pin)
	}
	got := make(map[cid.Cid]api.IPFSPinStatus)
	err := pins.Each(t.Context(), func(c cid.Cid, s api.IPFSPinStatus) error {
		if _, twice := got[c]; twice {
			t.Errorf("%s is listed twice", c)
		}
		got[c] = s
		return nil
	})
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("listed %v, %v; want %v", got, err, want)
	}

	fault, calls := errors.New("enough"), 0
	err = pins.Each(t.Context(), func(cid.Cid, api.IPFSPinStatus) error { calls++; return fault })
	if !errors.Is(err, fault) || calls != 1 {
		t.Errorf("a failing callback gives %v after %d calls", err, calls)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := pins.Each(ended, func(cid.Cid, api.IPFSPinStatus) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled listing gives %v", err)
	}
}

func TestFetchFromAnotherNode(t *testing.T) {
	source, target := newNode(t), newNode(t)
	connect(t, target, source)
	pins := newPins(t, target)
	ctx := within(t, 20*time.Second)

	tr := addTree(t, source, "fetched whole")
	progress, asked := new(merkledag.ProgressTracker), new(merkledag.ProgressTracker)
	if err := pins.Fetch(asked.DeriveContext(ctx), pinOf(tr.root, api.PinModeRecursive), progress, GiveUpWhenStalled); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, target, tr.root.Cid(), tr.left.Cid(), tr.right.Cid()); !slices.Equal(got, []bool{true, true, true}) {
		t.Errorf("stored after a recursive fetch: %v", got)
	}
	if progress.Value() != 3 || asked.Value() != 3 {
		t.Errorf("progress is %d blocks, and %d for the command; want 3", progress.Value(), asked.Value())
	}

	tr = addTree(t, source, "fetched at the top")
	if err := pins.Fetch(ctx, pinOf(tr.root, api.PinModeDirect), new(merkledag.ProgressTracker), GiveUpWhenStalled); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, target, tr.root.Cid(), tr.left.Cid(), tr.right.Cid()); !slices.Equal(got, []bool{true, false, false}) {
		t.Errorf("stored after a direct fetch: %v", got)
	}
	if status, err := pins.Status(ctx, tr.root.Cid()); err != nil || status != api.IPFSPinStatusUnpinned {
		t.Errorf("fetching alone pinned: %v, %v", status, err)
	}
}

func TestFetchDialsOrigins(t *testing.T) {
	source, target := newNode(t), newNode(t)
	tr := addTree(t, source, "at its origin")
	pin := pinOf(tr.root, api.PinModeRecursive)
	pin.Origins = Addrs(source)
	if len(pin.Origins) == 0 {
		t.Fatal("the source has no addresses")
	}
	nameless, err := api.NewMultiaddr("/ip4/127.0.0.1/tcp/1")
	if err != nil {
		t.Fatal(err)
	}
	pin.Origins = append(pin.Origins, nameless)
	if err := newPins(t, target).Fetch(within(t, 20*time.Second), pin, new(merkledag.ProgressTracker), GiveUpWhenStalled); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, target, tr.left.Cid()); !got[0] {
		t.Error("the leaf is not stored")
	}
}

// A place that does not answer holds up nothing: the content may come from elsewhere meanwhile.
func TestFetchDoesNotWaitForOrigins(t *testing.T) {
	node, source := newNode(t), newNode(t)
	connect(t, node, source)
	tr := addTree(t, source, "not at its origin")
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	pin := pinOf(tr.root, api.PinModeRecursive)
	for n := range 3 {
		id, err := peer.Decode([]string{
			"12D3KooWBdmLJjhpgJ9KZgLM3f894ff9xyBfPvPjFNn7MKJpyrC2", "12D3KooWMKGkhgbyonn68fA97ovFHzueaA8g1UwV4DzSvCo2Wwcw",
			"12D3KooWPqku2RWkMLsQHN2CskxZVg9t3NJ9nziubN3q2MVzvSMT",
		}[n])
		if err != nil {
			t.Fatal(err)
		}
		origin, err := api.NewMultiaddr(fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/p2p/%s", silent.Addr().(*net.TCPAddr).Port, id))
		if err != nil {
			t.Fatal(err)
		}
		pin.Origins = append(pin.Origins, origin)
	}
	began := time.Now()
	err = newPins(t, node).Fetch(within(t, 20*time.Second), pin, new(merkledag.ProgressTracker), GiveUpWhenStalled)
	if took := time.Since(began); err != nil || took > 4*time.Second {
		t.Errorf("fetched in %s, %v", took, err)
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	pins := newPins(t, newNode(t))
	tr := makeTree(t, "nowhere")
	for _, mode := range []api.PinMode{api.PinModeRecursive, api.PinModeDirect} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		err := pins.Fetch(ctx, pinOf(tr.root, mode), new(merkledag.ProgressTracker), GiveUpWhenStalled)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v fetch of what nobody has: %v", mode, err)
		}
	}
}

func TestLockExcludesTheSameCID(t *testing.T) {
	pins := &Pins{seed: maphash.MakeSeed()}
	c := makeTree(t, "locked").root.Cid()
	counter := 0 // the race detector sees it when the lock does not hold
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				unlock := pins.Lock(c)
				counter++
				unlock()
			}
		})
	}
	all.Wait()
	if counter != 1600 {
		t.Errorf("counted %d", counter)
	}
}
