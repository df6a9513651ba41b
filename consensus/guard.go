package consensus

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/hashicorp/raft"
)

var errNewTerm = errors.New("snapshot of a term that has not begun here")

// guard stands between the network and raft, on the side of the follower, and
// keeps raft from going back, to a snapshot that it is ahead of already or to an
// earlier term (see terms).
//
// When answers of a follower get lost, its leader may take it to be further back
// than it is. raft's follower refuses what builds on an entry that only its
// snapshot covers, so the leader ends up sending a snapshot, and the follower
// takes in even one that is older than its log: it drops acknowledged entries,
// its state goes back, and it panics or starts over without end. What the guard
// relies on is that everything in a snapshot, anybody's, is committed.
type guard struct {
	*raft.NetworkTransport
	terms     *terms
	answers   *answers
	log       raft.LogStore
	snapshots raft.SnapshotStore
	rpcs      chan raft.RPC
	handing   chan struct{} // a lock, held while a call is handed to raft
	stop      chan struct{}
	once      sync.Once
	serving   sync.WaitGroup
}

var (
	_ raft.Transport   = (*guard)(nil)
	_ raft.WithClose   = (*guard)(nil)
	_ raft.WithPreVote = (*guard)(nil)
)

func newGuard(t *raft.NetworkTransport, terms *terms, log raft.LogStore, snapshots raft.SnapshotStore) *guard {
	return &guard{
		NetworkTransport: t, terms: terms, answers: newAnswers(), log: log, snapshots: snapshots,
		rpcs: make(chan raft.RPC), handing: make(chan struct{}, 1), stop: make(chan struct{}),
	}
}

// Consumer implements raft.Transport.
func (g *guard) Consumer() <-chan raft.RPC { return g.rpcs }

// Close implements raft.WithClose. It waits for the guard's goroutine, and may be
// called twice.
func (g *guard) Close() error {
	g.once.Do(func() { close(g.stop) })
	err := g.NetworkTransport.Close()
	g.serving.Wait()
	return err
}

// serve passes calls on to raft until Close. term tells raft's current term.
func (g *guard) serve(term func() uint64) {
	g.serving.Go(func() {
		for {
			var rpc raft.RPC
			select {
			case rpc = <-g.NetworkTransport.Consumer():
			case <-g.stop:
				return
			}
			g.apart(func() {
				if !g.answer(rpc, term) {
					g.pass(rpc)
				}
			})
		}
	})
}

// apart calls f while no call of another peer is handed to raft, but heartbeats. It
// may do without once the guard is closed.
func (g *guard) apart(f func()) {
	select {
	case g.handing <- struct{}{}:
	case <-g.stop:
		return
	}
	defer func() { <-g.handing }()
	f()
}

// append hands entries of this peer's own to raft as if a leader had sent them.
func (g *guard) append(req *raft.AppendEntriesRequest) (*raft.AppendEntriesResponse, error) {
	answer := make(chan raft.RPCResponse, 1)
	g.pass(raft.RPC{Command: req, RespChan: answer})
	select {
	case a := <-answer:
		if a.Error != nil {
			return nil, a.Error
		}
		return a.Response.(*raft.AppendEntriesResponse), nil
	case <-g.stop:
		return nil, ErrClosed
	}
}

// pass hands a call to raft's main loop.
func (g *guard) pass(rpc raft.RPC) {
	select {
	case g.rpcs <- rpc:
	case <-g.stop:
	}
}

// AppendEntries implements raft.Transport, and notes who follows this peer.
func (g *guard) AppendEntries(id raft.ServerID, target raft.ServerAddress, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	asked := g.answers.begin()
	err := g.NetworkTransport.AppendEntries(id, target, req, resp)
	if err == nil && resp.Success {
		g.answers.ack(id, req.Term, asked)
	}
	return err
}

// SetHeartbeatHandler implements raft.Transport. Heartbeats that are not of the
// current term are left to raft's main loop.
func (g *guard) SetHeartbeatHandler(handle func(raft.RPC)) {
	g.NetworkTransport.SetHeartbeatHandler(func(rpc raft.RPC) {
		req, ok := rpc.Command.(*raft.AppendEntriesRequest)
		if !ok || !g.terms.during(req.Term, func() { handle(rpc) }) {
			g.pass(rpc)
		}
	})
}

// answer deals with a call itself, or leaves it to raft, changed where it must
// be.
func (g *guard) answer(rpc raft.RPC, term func() uint64) bool {
	switch req := rpc.Command.(type) {
	case *raft.AppendEntriesRequest:
		g.trim(req)
	case *raft.InstallSnapshotRequest:
		now := term()
		if req.Term < now || !g.covers(req.LastLogIndex, req.LastLogTerm) {
			return false
		}
		// A body that is left unread would be taken for the next call.
		_, err := io.Copy(io.Discard, rpc.Reader)
		if err == nil && req.Term > now {
			// raft has to hear of the term first, which the next heartbeat sees to.
			err = errNewTerm
		}
		if err != nil {
			err = fmt.Errorf("skip snapshot of entry %d: %w", req.LastLogIndex, err)
		}
		rpc.Respond(&raft.InstallSnapshotResponse{Term: now, Success: err == nil}, err)
		return true
	}
	return false
}

// covers reports whether this peer holds everything up to a committed entry.
func (g *guard) covers(index, term uint64) bool {
	var e raft.Log
	if g.log.GetLog(index, &e) == nil && e.Term == term {
		return true
	}
	return index <= g.compacted()
}

// trim takes out of a request what the snapshot of this peer covers. raft does
// not compare anything with what is before entry 1, so that is where the rest is
// said to follow on: the leader's entries and ours are the same up to there.
func (g *guard) trim(req *raft.AppendEntriesRequest) {
	if req.PrevLogEntry == 0 {
		return
	}
	if last, err := g.log.LastIndex(); err != nil || req.PrevLogEntry >= last {
		return // it follows on our log, or raft has nothing there and knows what to say
	}
	var e raft.Log
	if g.log.GetLog(req.PrevLogEntry, &e) == nil {
		return
	}
	snapshot := g.compacted()
	if req.PrevLogEntry > snapshot {
		return
	}
	// raft takes all of its log for committed up to the leader's commit index,
	// when this request has confirmed it only up to its own last entry.
	confirmed := max(snapshot, req.PrevLogEntry+uint64(len(req.Entries)))
	req.LeaderCommitIndex = min(req.LeaderCommitIndex, confirmed)
	for len(req.Entries) > 0 && req.Entries[0].Index <= snapshot {
		req.Entries = req.Entries[1:]
	}
	req.PrevLogEntry, req.PrevLogTerm = 0, 0
}

// compacted returns the index of this peer's snapshot, 0 if it has none.
func (g *guard) compacted() uint64 {
	list, err := g.snapshots.List()
	if err != nil || len(list) == 0 {
		return 0 // raft then does what it does without a guard
	}
	return list[0].Index
}
