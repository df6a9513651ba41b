package consensus

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

func testTerms(t *testing.T, store raft.StableStore, term uint64) *terms {
	t.Helper()
	if err := store.SetUint64([]byte(keyCurrentTerm), term); err != nil {
		t.Fatal(err)
	}
	terms, err := newTerms(store)
	if err != nil {
		t.Fatal(err)
	}
	return terms
}

func TestTermNeverGoesBack(t *testing.T) {
	terms := testTerms(t, raft.NewInmemStore(), 3)
	if err := terms.SetUint64([]byte(keyCurrentTerm), 2); err == nil {
		t.Error("the term went back from 3 to 2")
	}
	handled := 0
	if terms.during(2, func() { handled++ }) || terms.during(4, func() { handled++ }) || handled > 0 {
		t.Error("a heartbeat of another term was handled beside the main loop")
	}
	if !terms.during(3, func() { handled++ }) || handled != 1 {
		t.Error("a heartbeat of the current term was not handled beside the main loop")
	}
}

func TestTermRisesAfterTheHeartbeat(t *testing.T) {
	terms := testTerms(t, raft.NewInmemStore(), 3)
	risen := make(chan error, 1)
	terms.during(3, func() {
		go func() { risen <- terms.SetUint64([]byte(keyCurrentTerm), 4) }()
		if err := terms.SetUint64([]byte(keyCurrentTerm), 3); err != nil {
			t.Error(err)
		}
		select {
		case <-risen:
			t.Error("the term rose while a heartbeat was handled")
		case <-time.After(20 * time.Millisecond):
		}
	})
	if err := <-risen; err != nil {
		t.Fatal(err)
	}
	if terms.during(3, func() {}) {
		t.Error("a heartbeat of the term before was handled beside the main loop")
	}
}

// failingStore dies at its n-th write.
type failingStore struct {
	*raft.InmemStore
	left int
}

var errPowerCut = errors.New("power cut")

func (s *failingStore) spend() error {
	if s.left--; s.left < 0 {
		return errPowerCut
	}
	return nil
}

func (s *failingStore) Set(k, v []byte) error {
	if err := s.spend(); err != nil {
		return err
	}
	return s.InmemStore.Set(k, v)
}

func (s *failingStore) SetUint64(k []byte, v uint64) error {
	if err := s.spend(); err != nil {
		return err
	}
	return s.InmemStore.SetUint64(k, v)
}

// A vote that was cut off must not leave the candidate of the vote before as the
// one voted for in the new term.
func TestVoteIsStoredWhole(t *testing.T) {
	vote := func(s raft.StableStore, term uint64, candidate string) error {
		if err := s.SetUint64([]byte(keyVoteTerm), term); err != nil {
			return err
		}
		return s.Set([]byte(keyVoteCandidate), []byte(candidate))
	}
	for writes := range 3 {
		store := &failingStore{InmemStore: raft.NewInmemStore(), left: 100}
		terms := testTerms(t, store, 4)
		if err := vote(terms, 3, "a"); err != nil {
			t.Fatal(err)
		}
		store.left = writes
		if err := vote(terms, 4, "b"); (err == nil) != (writes == 2) {
			t.Fatalf("after %d writes: %v", writes, err)
		}
		term, _ := store.GetUint64([]byte(keyVoteTerm))
		if candidate, _ := store.Get([]byte(keyVoteCandidate)); term == 4 && string(candidate) != "b" {
			t.Errorf("after %d writes the vote of term 4 is said to be for %s", writes, candidate)
		}
	}
}

// lateStore holds up whoever stores the term that is there already until a vote
// is stored: so a heartbeat meets raft's main loop on its way to the next term.
type lateStore struct {
	*raft.InmemStore
	held  chan struct{} // gets a value when it holds somebody up
	voted chan struct{} // closed with the first vote
	once  sync.Once
	armed atomic.Bool
}

func (s *lateStore) SetUint64(k []byte, v uint64) error {
	if current, _ := s.GetUint64(k); string(k) == keyCurrentTerm && v == current && s.armed.Load() {
		select {
		case s.held <- struct{}{}:
		default:
		}
		<-s.voted
	}
	return s.InmemStore.SetUint64(k, v)
}

func (s *lateStore) Set(k, v []byte) error {
	if string(k) == keyVoteCandidate {
		defer s.once.Do(func() { close(s.voted) })
	}
	return s.InmemStore.Set(k, v)
}

// other is a voter that grants pre-votes and refuses votes.
type other struct {
	*raft.NetworkTransport
	beforePreVote func()
}

func (o other) serve() {
	for rpc := range o.Consumer() {
		switch req := rpc.Command.(type) {
		case *raft.RequestPreVoteRequest:
			o.beforePreVote()
			rpc.Respond(&raft.RequestPreVoteResponse{Term: req.Term, Granted: true}, nil)
		case *raft.RequestVoteRequest:
			rpc.Respond(&raft.RequestVoteResponse{Term: req.Term}, nil)
			return
		}
	}
}

func tcpTransport(t *testing.T) *raft.NetworkTransport {
	t.Helper()
	transport, err := raft.NewTCPTransportWithLogger("127.0.0.1:0", nil, 1, time.Second, newRaftLogger(testLogger(t)))
	if err != nil {
		t.Fatal(err)
	}
	return transport
}

// A heartbeat of raft's term arrives while raft stands for election in the next.
func TestHeartbeatMeetsElection(t *testing.T) {
	here, there := tcpTransport(t), tcpTransport(t)
	defer func() {
		there.CloseStreams()
		here.CloseStreams()
		if err := there.Close(); err != nil {
			t.Error(err)
		}
	}()
	conf := raft.DefaultConfig()
	conf.LocalID, conf.Logger = "here", newRaftLogger(testLogger(t))
	conf.HeartbeatTimeout, conf.ElectionTimeout, conf.LeaderLeaseTimeout = 50*time.Millisecond, 50*time.Millisecond, 50*time.Millisecond
	store := &lateStore{InmemStore: raft.NewInmemStore(), held: make(chan struct{}, 1), voted: make(chan struct{})}
	snapshots := raft.NewInmemSnapshotStore()
	if err := raft.BootstrapCluster(conf, store.InmemStore, store.InmemStore, snapshots, here, raft.Configuration{Servers: []raft.Server{
		{ID: "here", Address: here.LocalAddr()}, {ID: "there", Address: there.LocalAddr()},
	}}); err != nil {
		t.Fatal(err)
	}
	terms, err := newTerms(store)
	if err != nil {
		t.Fatal(err)
	}
	guard := newGuard(here, terms, store, snapshots)
	r, err := raft.NewRaft(conf, &raft.MockFSM{}, store, terms, snapshots, guard)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Shutdown().Error(); err != nil {
			t.Error(err)
		}
	}()
	store.armed.Store(true)
	guard.serve(r.CurrentTerm)

	beat := sync.OnceValue(func() <-chan error {
		answered := make(chan error, 1)
		go func() {
			header := raft.RPCHeader{ProtocolVersion: conf.ProtocolVersion, ID: []byte("there"), Addr: there.EncodePeer("there", there.LocalAddr())}
			answered <- there.AppendEntries("here", here.LocalAddr(),
				&raft.AppendEntriesRequest{RPCHeader: header, Term: 1}, &raft.AppendEntriesResponse{})
			close(answered)
		}()
		return answered
	})
	other{there, func() {
		select {
		case <-store.held: // in the middle of it
		case err := <-beat():
			if err != nil {
				t.Error(err)
			}
		}
	}}.serve()
	<-beat() // at its end
	if term := r.CurrentTerm(); term < 2 {
		t.Errorf("raft has asked for votes in term 2 and is in term %d", term)
	}
}
