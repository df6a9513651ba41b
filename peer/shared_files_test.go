package peer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/exchange/offline"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/boxo/mfs"
	"github.com/ipfs/go-cid"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/peer/files"
)

// filePeer is a peer that serves its files to the others, and dies for them when it reaches a step of a change.
type filePeer struct {
	*running
	options Options
	deadly  atomic.Int32 // the step at which it dies, plus one; 0: none
	died    chan struct{}
	served  sync.WaitGroup
	server  *http.Server
}

func newFilePeer(t testing.TB, dir, listen string, peers []string) *filePeer {
	p := &filePeer{options: testOptions(dir, listen, peers...), died: make(chan struct{}, 16)}
	p.options.FilesReached = func(ctx context.Context, s files.Step) error {
		if p.deadly.Load() != int32(s)+1 {
			return nil
		}
		p.died <- struct{}{}
		<-ctx.Done() // it does nothing more
		return ctx.Err()
	}
	p.start(t)
	return p
}

func (p *filePeer) start(t testing.TB) {
	p.running = startPeer(t, p.options)
	p.server = &http.Server{Handler: p.Files()}
	calls := p.Calls()
	p.served.Go(func() { _ = p.server.Serve(calls) }) // until it is stopped
	t.Cleanup(p.stop)
}

// stop ends the peer.
func (p *filePeer) stop() {
	_ = p.server.Close() // it closes the calls, which the peer closes too
	p.served.Wait()
	p.running.stop()
}

func startFilePeers(t testing.TB) []*filePeer {
	t.Helper()
	addrs := freePorts(t, 3)
	peers := make([]*filePeer, len(addrs))
	for i, addr := range addrs {
		peers[i] = newFilePeer(t, filepath.Join(t.TempDir(), fmt.Sprintf("peer-%d", i)), addr, addrs)
	}
	for _, p := range peers {
		p.awaitReady()
	}
	return peers
}

// leads returns the leader and the others.
func leads(t testing.TB, peers []*filePeer) (leader *filePeer, others []*filePeer) {
	t.Helper()
	eventually(t, "there is a leader", func() bool {
		leader, others = nil, nil
		for _, p := range peers {
			if p.Consensus().Leader == p.ID() && p.Consensus().State == "Leader" {
				leader = p
			} else {
				others = append(others, p)
			}
		}
		return leader != nil
	})
	return leader, others
}

// put writes a file with a content of its own, and returns when that is acknowledged.
func (p *filePeer) put(ctx context.Context, name string) error {
	root, end, err := p.Files().Begin(ctx, true)
	if err != nil {
		return err
	}
	err = p.putInto(ctx, root, name)
	return errors.Join(err, end()(ctx))
}

func (p *filePeer) putInto(ctx context.Context, root *mfs.Root, name string) error {
	leaf := merkledag.NewRawNode([]byte("content of " + name))
	if err := p.Node().DAG.Add(ctx, leaf); err != nil {
		return err
	}
	file := unixfs.NewFSNode(unixfs.TFile)
	file.AddBlockSize(uint64(len(leaf.RawData())))
	data, err := file.GetBytes()
	if err != nil {
		return err
	}
	node := merkledag.NodeWithData(data)
	if err := node.AddNodeLink("", leaf); err != nil {
		return err
	}
	return mfs.PutNode(root, "/"+name, node)
}

// shows tells whether the tree that the peer has applied has a file.
func (p *filePeer) shows(name string) bool {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	root, release, err := p.Files().Read(ctx, false)
	if err != nil {
		p.t.Fatalf("read the files: %v", err)
	}
	defer release()
	_, err = mfs.Lookup(root, "/"+name)
	return err == nil
}

// whole returns the root of the tree that the peer has applied, or an error if blocks of it are not on its own node.
func (p *filePeer) whole(ctx context.Context) (cid.Cid, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := p.consensus.Barrier(ctx); err != nil {
		return cid.Undef, err
	}
	if err := p.Files().CatchUp(ctx); err != nil {
		return cid.Undef, err
	}
	root, release, err := p.Files().Read(ctx, false)
	if err != nil {
		return cid.Undef, err
	}
	defer release()
	node, err := root.GetDirectory().GetNode()
	if err != nil {
		return cid.Undef, err
	}
	here := merkledag.NewDAGService(blockservice.New(p.Node().Blockstore, offline.Exchange(p.Node().Blockstore)))
	return node.Cid(), merkledag.FetchGraph(ctx, node.Cid(), here)
}

// expectSame wants the tree whole on each of the peers, and the same.
func expectSame(t testing.TB, peers ...*filePeer) {
	t.Helper()
	var first cid.Cid
	for i, p := range peers {
		root, err := p.whole(t.Context())
		if err != nil {
			t.Fatalf("files of peer %d: %v", i, err)
		}
		if i == 0 {
			first = root
		} else if root != first {
			t.Errorf("peer %d shows %s, the first one %s", i, root, first)
		}
	}
}

// The leader dies at each step of a change. What was acknowledged before is there afterwards, with all its blocks on every
// peer; the change that was under way is there as a whole or not at all; and the files can be changed again.
func TestLeaderDiesInTheMiddleOfAChange(t *testing.T) {
	for _, c := range []struct {
		name    string
		step    files.Step
		present bool
	}{
		{"its blocks stored", files.Changed, false},
		{"its blocks synced", files.Synced, false},
		{"its blocks held by a majority", files.Held, false},
		{"committed and not answered", files.Committed, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			peers := startFilePeers(t)
			leader, others := leads(t, peers)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			for _, name := range []string{"acknowledged", "acknowledged too"} {
				if err := leader.put(ctx, name); err != nil {
					t.Fatal(err)
				}
			}
			leader.deadly.Store(int32(c.step) + 1)
			answered := make(chan error, 1)
			go func() { answered <- leader.put(ctx, "under way") }()
			<-leader.died
			leader.stop()
			if err := <-answered; err == nil {
				t.Error("the change was acknowledged by a dead peer")
			}

			next, _ := leads(t, others)
			expectSame(t, others...)
			for _, p := range others {
				for _, name := range []string{"acknowledged", "acknowledged too"} {
					if !p.shows(name) {
						t.Errorf("%q is lost", name)
					}
				}
				if p.shows("under way") != c.present {
					t.Errorf("the change under way is there: %v", !c.present)
				}
			}
			if err := next.put(ctx, "afterwards"); err != nil {
				t.Fatal(err)
			}
			leader.deadly.Store(0)
			leader.start(t)
			leader.awaitReady()
			expectSame(t, peers...)
			if !leader.shows("afterwards") {
				t.Error("the peer that has died does not see what came after")
			}
		})
	}
}

// A leader that dies right after its answer takes nothing with it.
func TestLeaderDiesAfterItsAnswer(t *testing.T) {
	peers := startFilePeers(t)
	for n := range 2 {
		leader, others := leads(t, peers)
		name := fmt.Sprintf("file %d", n)
		if err := leader.put(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		leader.stop()
		leads(t, others)
		expectSame(t, others...)
		if !others[0].shows(name) || !others[1].shows(name) {
			t.Errorf("%s was acknowledged and is lost", name)
		}
		leader.start(t)
		leader.awaitReady()
	}
	expectSame(t, peers...)
}

// Two peers that change the files at the same time do not undo each other's changes, although only one of them leads.
func TestConcurrentWritersConflict(t *testing.T) {
	peers := startFilePeers(t)
	const rounds = 20
	var all sync.WaitGroup
	for i, p := range peers {
		all.Go(func() {
			for n := range rounds {
				name := fmt.Sprintf("%d-%d", i, n)
				for {
					err := p.put(t.Context(), name)
					if err == nil {
						break
					}
					if !errors.Is(err, consensus.ErrConflict) {
						t.Errorf("put %s: %v", name, err)
						return
					}
				}
			}
		})
	}
	all.Wait()
	expectSame(t, peers...)
	for i := range peers {
		for n := range rounds {
			if name := fmt.Sprintf("%d-%d", i, n); !peers[0].shows(name) {
				t.Errorf("%s was acknowledged and is lost", name)
			}
		}
	}
}

// What is not flushed is seen by nobody but through the peer that has it, until the next change that is flushed there, and
// is gone, as is told, when another peer has changed the files.
func TestChangesThatAreNotFlushed(t *testing.T) {
	peers := startFilePeers(t)
	leader, others := leads(t, peers)
	ctx := t.Context()
	wait := func(name string) error {
		root, end, err := leader.Files().Begin(ctx, false)
		if err != nil {
			return err
		}
		return errors.Join(leader.putInto(ctx, root, name), end()(ctx))
	}
	if err := wait("first"); err != nil {
		t.Fatal(err)
	}
	for _, p := range peers {
		place, err := p.Files().ReadPlace(ctx)
		if err != nil || place != leader.ID() {
			t.Errorf("the files are to be read through %s, %v", place, err)
		}
		if p.shows("first") != (p == leader) {
			t.Errorf("what is not flushed is shown: %v", p != leader)
		}
	}
	if err := leader.put(ctx, "second"); err != nil { // with what waits
		t.Fatal(err)
	}
	expectSame(t, peers...)
	if !others[0].shows("first") || !others[0].shows("second") {
		t.Error("a flush has lost what waited")
	}

	if err := wait("third"); err != nil {
		t.Fatal(err)
	}
	if err := others[0].put(ctx, "of another peer"); err != nil {
		t.Fatal(err)
	}
	if err := wait("fourth"); !errors.Is(err, consensus.ErrConflict) {
		t.Errorf("a change to a tree that was replaced: %v", err)
	}
	if err := wait("fourth"); err != nil { // on the new tree
		t.Error(err)
	}
	if leader.shows("third") || !leader.shows("fourth") || !leader.shows("of another peer") {
		t.Error("the tree is not the one of the other peer with the last change")
	}
}
