package reconcile

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// collect reads a stream of statuses to its end.
func collect(stream func(chan<- api.PinInfo) error) (infos []api.PinInfo, err error) {
	out, done := make(chan api.PinInfo), make(chan error, 1)
	go func() { done <- stream(out) }()
	for info := range out {
		infos = append(infos, info)
	}
	return infos, <-done
}

// allKinds prepares, with nobody at work, one CID of each status that the pinset and the local pins alone explain.
func allKinds(g *rig) map[api.TrackerStatus]api.Pin {
	pinned, remote, lost, queued := g.addTree("pinned"), g.addTree("remote"), g.addTree("lost"), g.addTree("queued")
	meta := g.addTree("meta").pin(0)
	meta.Type = api.MetaType
	kinds := map[api.TrackerStatus]api.Pin{
		api.TrackerStatusPinned:               pinned.pin(api.PinModeRecursive),
		api.TrackerStatusRemote:               remote.pinOn(other),
		api.TrackerStatusUnexpectedlyUnpinned: lost.pin(api.PinModeRecursive),
		api.TrackerStatusPinQueued:            queued.pin(api.PinModeRecursive),
		api.TrackerStatusSharded:              meta,
	}
	for _, pin := range kinds {
		g.feed.set(pin)
	}
	g.pinLocally(kinds[api.TrackerStatusPinned])
	close(g.feed.ready)
	if err := g.tracker.Track(g.t.Context(), kinds[api.TrackerStatusPinQueued]); err != nil {
		g.t.Errorf("track: %v", err)
	}
	kinds[api.TrackerStatusUnpinned] = makeTree(g.t, "unknown").pin(0)
	return kinds
}

func TestStatus(t *testing.T) {
	g := newRig(t)
	for want, pin := range allKinds(g) {
		info := g.status(pin)
		if info.Status != want || info.Cid != pin.Cid {
			t.Errorf("%s: status of %s is %v, want %v", pin.Name, info.Cid, info.Status, want)
		}
		if info.Peer != self || info.PeerName != "one" || info.IPFS != g.node.Identity || info.TS.IsZero() {
			t.Errorf("%s: described as of %s %q, node %s, at %s", pin.Name, info.Peer, info.PeerName, info.IPFS, info.TS)
		}
		if named := want != api.TrackerStatusUnpinned; named && info.Name != pin.Name {
			t.Errorf("%s: name is %q", pin.Name, info.Name)
		}
		if hasError := want == api.TrackerStatusUnexpectedlyUnpinned; hasError != (info.Error != "") {
			t.Errorf("%s: error is %q", pin.Name, info.Error)
		}
	}
	if n, err := g.tracker.PinQueueSize(t.Context()); err != nil || n != 1 {
		t.Errorf("queue size is %d, %v", n, err)
	}
}

func TestUntrackedIsUnpinnedWhileQueued(t *testing.T) {
	g := newRig(t)
	close(g.feed.ready)
	pin := g.addTree("gone").pin(0)
	if err := g.tracker.Untrack(t.Context(), pin.Cid); err != nil {
		t.Fatal(err)
	}
	if got := g.status(pin).Status; got != api.TrackerStatusUnpinned {
		t.Errorf("status is %v", got)
	}
	if n, err := g.tracker.PinQueueSize(t.Context()); err != nil || n != 1 {
		t.Errorf("queue size is %d, %v", n, err)
	}
}

func TestStatusAllFilters(t *testing.T) {
	g := newRig(t)
	allKinds(g)
	everything := []api.TrackerStatus{
		api.TrackerStatusPinned, api.TrackerStatusRemote, api.TrackerStatusUnexpectedlyUnpinned,
		api.TrackerStatusPinQueued, api.TrackerStatusSharded,
	}
	for _, r := range []struct {
		name   string
		filter api.TrackerStatus
		want   []api.TrackerStatus
	}{
		{"no filter", api.TrackerStatusUndefined, everything},
		{"one", api.TrackerStatusPinned, everything[:1]},
		{"two", api.TrackerStatusPinned | api.TrackerStatusRemote, everything[:2]},
		{"queued of both kinds", api.TrackerStatusQueued, everything[3:4]},
		{"none has it", api.TrackerStatusUnpinning, nil},
	} {
		t.Run(r.name, func(t *testing.T) {
			infos, err := collect(func(out chan<- api.PinInfo) error { return g.tracker.StatusAll(t.Context(), r.filter, out) })
			var got []api.TrackerStatus
			for _, info := range infos {
				got = append(got, info.Status)
			}
			slices.Sort(got)
			if want := slices.Sorted(slices.Values(r.want)); err != nil || !slices.Equal(got, want) {
				t.Errorf("got %v, %v; want %v", got, err, want)
			}
		})
	}
}

func TestStatusAllEndsWithItsContext(t *testing.T) {
	g := newRig(t)
	allKinds(g)
	for name, stream := range map[string]func(context.Context, chan<- api.PinInfo) error{
		"status": func(ctx context.Context, out chan<- api.PinInfo) error {
			return g.tracker.StatusAll(ctx, api.TrackerStatusUndefined, out)
		},
		"recover": g.tracker.RecoverAll,
	} {
		ctx, cancel := context.WithCancel(t.Context())
		out, done := make(chan api.PinInfo), make(chan error, 1)
		go func() { done <- stream(ctx, out) }()
		cancel() // nobody reads
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error is %v", name, err)
		}
		for range out { // ends only if the channel is closed
		}
	}
}
