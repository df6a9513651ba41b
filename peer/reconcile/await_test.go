package reconcile

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// ask awaits a pin with a time-out that only a hanging call reaches, or with the given one.
func (g *rig) ask(pin api.Pin, index uint64, timeout ...time.Duration) AwaitReply {
	g.t.Helper()
	req := AwaitRequest{Cid: pin.Cid, Index: index, Timeout: patience}
	if len(timeout) > 0 {
		req.Timeout = timeout[0]
	}
	ctx, cancel := context.WithTimeout(g.t.Context(), patience+5*time.Second)
	defer cancel()
	reply, err := g.Await(ctx, req)
	if err != nil {
		g.t.Fatalf("await: %v", err)
	}
	return reply
}

// asking awaits in the background.
func (g *rig) asking(pin api.Pin, index uint64) <-chan AwaitReply {
	reply := make(chan AwaitReply, 1)
	go func() {
		r, err := g.Await(context.Background(), AwaitRequest{Cid: pin.Cid, Index: index, Timeout: patience})
		if err != nil {
			g.t.Errorf("await: %v", err)
		}
		reply <- r
	}()
	return reply
}

// pinWithoutLeaf wants a tree of which a leaf is missing, and returns when all else is fetched.
func (g *rig) pinWithoutLeaf(tr tree) api.Pin {
	g.t.Helper()
	g.add(tr.root, tr.right)
	pin := tr.pin(api.PinModeRecursive)
	g.feed.set(pin)
	g.eventually("all but the leaf is fetched", func() bool { return g.progress(pin.Cid.Cid).Blocks == 2 })
	return pin
}

func TestAwaitHeld(t *testing.T) {
	g := startRig(t)
	tr := g.addTree("at once")
	g.feed.set(tr.pin(0))
	for range 2 { // when it is pinned, and when it has been for a while
		if reply := g.ask(tr.pin(0), g.feed.index()); reply != (AwaitReply{Held: true}) {
			t.Errorf("reply is %+v", reply)
		}
	}
	if got := g.local(tr.pin(0)); got != api.IPFSPinStatusRecursive {
		t.Errorf("the local pin is %v", got)
	}

	late := makeTree(t, "in the end")
	reply := g.asking(g.pinWithoutLeaf(late), g.feed.index())
	g.add(late.left)
	if got := <-reply; !got.Held {
		t.Errorf("reply after the last block came: %+v", got)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.watchers) > 0 {
		t.Errorf("%d watchers are left", len(g.watchers))
	}
}

func TestAwaitGone(t *testing.T) {
	g := startRig(t)
	unknown, remote := g.addTree("unknown"), g.addTree("remote")
	g.feed.set(remote.pinOn(other))
	for _, pin := range []api.Pin{unknown.pin(0), remote.pin(0)} {
		if reply := g.ask(pin, g.feed.index()); reply != (AwaitReply{Gone: true}) {
			t.Errorf("%s: reply is %+v", pin.Name, reply)
		}
	}
	bad := g.addTree("removed while somebody waits")
	g.damage(bad.left)
	g.failForLong(bad.pin(0))
	reply := g.asking(bad.pin(0), g.feed.index())
	g.eventually("somebody waits", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.watchers) == 1
	})
	g.feed.remove(bad.pin(0))
	if got := <-reply; got != (AwaitReply{Gone: true}) {
		t.Errorf("reply is %+v", got)
	}
}

func TestAwaitWaitsForTheIndex(t *testing.T) {
	g := startRig(t)
	tr := g.addTree("not applied yet")
	reply := g.asking(tr.pin(0), g.feed.index()+1) // looked up at once, the pin would be gone
	g.feed.set(tr.pin(0))
	if got := <-reply; !got.Held {
		t.Errorf("reply is %+v", got)
	}
}

func TestAwaitReportsProgressWhenItsTimeIsOver(t *testing.T) {
	g := startRig(t)
	pin := g.pinWithoutLeaf(makeTree(t, "stuck"))
	if reply := g.ask(pin, g.feed.index(), 20*time.Millisecond); reply != (AwaitReply{Blocks: 2}) {
		t.Errorf("reply is %+v", reply)
	}
	g.Hint(pin.Cid.Cid) // what the worker has fetched stays in view
	if reply := g.ask(pin, g.feed.index(), 20*time.Millisecond); reply != (AwaitReply{Blocks: 2}) {
		t.Errorf("reply after a hint is %+v", reply)
	}
	if got := g.status(pin).Status; got != api.TrackerStatusPinning {
		t.Errorf("status is %v", got)
	}

	bad := g.addTree("damaged")
	g.damage(bad.left)
	g.failForLong(bad.pin(0))
	if reply := g.ask(bad.pin(0), g.feed.index(), 20*time.Millisecond); reply.Error == "" || reply.Held || reply.Gone {
		t.Errorf("reply after a failure is %+v", reply)
	}
}

func TestAwaitDoesNotOutlastItsTimeWhenTheIndexNeverComes(t *testing.T) {
	g := startRig(t)
	tr := g.addTree("never applied")
	if reply := g.ask(tr.pin(0), g.feed.index()+100, 20*time.Millisecond); reply != (AwaitReply{}) {
		t.Errorf("reply is %+v", reply)
	}
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	g := startRig(t)
	stuck := g.pinWithoutLeaf(makeTree(t, "stuck"))
	for name, req := range map[string]AwaitRequest{
		"while the pin is fetched":     {Cid: stuck.Cid, Index: g.feed.index(), Timeout: patience},
		"while the index is not there": {Cid: stuck.Cid, Index: g.feed.index() + 100, Timeout: patience},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		reply, err := g.Await(ctx, req)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || reply.Held || reply.Gone {
			t.Errorf("%s: reply is %+v, %v", name, reply, err)
		}
	}
}
