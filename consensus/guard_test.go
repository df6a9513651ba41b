package consensus

import (
	"bytes"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// noLayer is a stream layer without a network.
type noLayer struct{ closed chan struct{} }

func (l noLayer) Accept() (net.Conn, error) {
	<-l.closed
	return nil, net.ErrClosed
}

func (l noLayer) Close() error {
	close(l.closed)
	return nil
}

func (noLayer) Addr() net.Addr { return peerAddr("here") }

func (noLayer) Dial(raft.ServerAddress, time.Duration) (net.Conn, error) { return nil, net.ErrClosed }

func testTransport(t *testing.T) *raft.NetworkTransport {
	t.Helper()
	return newRaftTransport(noLayer{make(chan struct{})}, newRaftLogger(testLogger(t)))
}

func TestNoPipelining(t *testing.T) {
	transport := testTransport(t)
	defer transport.Close()
	if _, err := transport.AppendEntriesPipeline("a", "a"); !errors.Is(err, raft.ErrPipelineReplicationNotSupported) {
		t.Errorf("got %v, want ErrPipelineReplicationNotSupported", err)
	}
}

// testGuard returns the guard of a peer with a snapshot of entry 10 and entries
// 11 to 14 of term 3.
func testGuard(t *testing.T) *guard {
	t.Helper()
	log, snapshots := raft.NewInmemStore(), raft.NewInmemSnapshotStore()
	terms, err := newTerms(raft.NewInmemStore())
	if err != nil {
		t.Fatal(err)
	}
	for i := uint64(11); i <= 14; i++ {
		if err := log.StoreLog(&raft.Log{Index: i, Term: 3}); err != nil {
			t.Fatal(err)
		}
	}
	sink, err := snapshots.Create(raft.SnapshotVersionMax, 10, 2, raft.Configuration{}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	g := newGuard(testTransport(t), terms, log, snapshots)
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func TestGuardSkipsSnapshotsThatAreBehind(t *testing.T) {
	for name, c := range map[string]struct {
		index, entryTerm, term uint64
		mine, success          bool
	}{
		"behind our snapshot":          {8, 1, 5, true, true},
		"our snapshot":                 {10, 2, 5, true, true},
		"in our log":                   {13, 3, 5, true, true},
		"in our log with another term": {13, 4, 5, false, false},
		"ahead of our log":             {15, 4, 5, false, false},
		"behind, of an old term":       {8, 1, 4, false, false},
		"behind, of a new term":        {8, 1, 6, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := testGuard(t)
			body := bytes.NewReader([]byte("snapshot"))
			answers := make(chan raft.RPCResponse, 1)
			mine := g.answer(raft.RPC{
				Command: &raft.InstallSnapshotRequest{Term: c.term, LastLogIndex: c.index, LastLogTerm: c.entryTerm},
				Reader:  body, RespChan: answers,
			}, func() uint64 { return 5 })
			if mine != c.mine {
				t.Fatalf("answered by the guard: %v, want %v", mine, c.mine)
			}
			if !mine {
				if body.Len() == 0 {
					t.Error("the guard has read what raft should read")
				}
				return
			}
			a := <-answers
			if ok := a.Error == nil && a.Response.(*raft.InstallSnapshotResponse).Success; ok != c.success || body.Len() != 0 {
				t.Errorf("answer %+v, %d bytes left unread", a, body.Len())
			}
		})
	}
}

func TestGuardTrimsAppends(t *testing.T) {
	for name, c := range map[string]struct {
		prev, entries, commit uint64
		wantPrev, wantFirst   uint64
		wantEntries           int
		wantCommit            uint64
	}{
		"follows on our log":             {14, 2, 16, 14, 15, 2, 16},
		"follows on an entry of our log": {12, 2, 20, 12, 13, 2, 20},
		"ahead of our log":               {17, 1, 18, 17, 18, 1, 18},
		"from the start":                 {0, 2, 2, 0, 1, 2, 2},
		"follows on our snapshot":        {10, 6, 14, 0, 11, 6, 14},
		"reaches over our snapshot":      {8, 4, 20, 0, 11, 2, 12},
		"ends in our snapshot":           {5, 3, 20, 0, 0, 0, 10},
		"only the commit index":          {10, 0, 20, 0, 0, 0, 10},
	} {
		t.Run(name, func(t *testing.T) {
			g := testGuard(t)
			req := &raft.AppendEntriesRequest{PrevLogEntry: c.prev, PrevLogTerm: 2, LeaderCommitIndex: c.commit}
			for i := range c.entries {
				req.Entries = append(req.Entries, &raft.Log{Index: c.prev + 1 + i})
			}
			if g.answer(raft.RPC{Command: req}, nil) {
				t.Fatal("the guard has answered an append")
			}
			first := uint64(0)
			if len(req.Entries) > 0 {
				first = req.Entries[0].Index
			}
			if req.PrevLogEntry != c.wantPrev || first != c.wantFirst || len(req.Entries) != c.wantEntries || req.LeaderCommitIndex != c.wantCommit {
				t.Errorf("got previous %d, %d entries from %d, commit %d", req.PrevLogEntry, len(req.Entries), first, req.LeaderCommitIndex)
			}
		})
	}
}

// Nothing is handed to raft while a peer founds the cluster.
func TestGuardSetsApart(t *testing.T) {
	here, there := tcpTransport(t), tcpTransport(t)
	terms, err := newTerms(raft.NewInmemStore())
	if err != nil {
		t.Fatal(err)
	}
	g := newGuard(here, terms, raft.NewInmemStore(), raft.NewInmemSnapshotStore())
	g.serve(func() uint64 { return 0 })
	answered := make(chan error, 1)
	g.apart(func() {
		go func() {
			answered <- there.RequestVote("here", here.LocalAddr(), &raft.RequestVoteRequest{Term: 1}, &raft.RequestVoteResponse{})
		}()
		select {
		case <-g.Consumer():
			t.Error("a call was handed to raft")
		case <-time.After(20 * time.Millisecond):
		}
	})
	rpc := <-g.Consumer()
	rpc.Respond(&raft.RequestVoteResponse{}, nil)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	there.CloseStreams()
	here.CloseStreams()
	if err := errors.Join(g.Close(), there.Close()); err != nil {
		t.Error(err)
	}
}
