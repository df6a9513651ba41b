package consensus

import (
	"fmt"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// raft's names in its stable store.
const (
	keyCurrentTerm   = "CurrentTerm"
	keyVoteTerm      = "LastVoteTerm"
	keyVoteCandidate = "LastVoteCand"
)

// terms is raft's stable store. It keeps two promises that raft relies on.
//
// The term of this peer never goes back: from term 4 to 3, and it may vote in
// both a second time.
//
// raft handles heartbeats beside its main loop, so that a slow disk does not hold
// them up. One of term n that meets a main loop on its way from n to n+1 sets the
// term back to n. Here each of them waits for the other: the term does not rise
// while a heartbeat is handled, and a heartbeat is handled beside the main loop
// only if it is of the term that this peer has now.
//
// A vote is stored whole. raft stores its term and then its candidate; if the
// peer dies in between, the candidate of the vote before gets a vote that raft
// takes for a repeated one, without a look at the candidate's log. Stored the
// other way round, the term is one that is over.
type terms struct {
	raft.StableStore
	rising  chan struct{} // a lock, held while the term rises or a heartbeat is handled
	current atomic.Uint64
	vote    uint64 // the term of the vote whose candidate raft stores next
}

func newTerms(s raft.StableStore) (*terms, error) {
	current, err := s.GetUint64([]byte(keyCurrentTerm))
	if err != nil {
		return nil, fmt.Errorf("read raft's term: %w", err)
	}
	t := &terms{StableStore: s, rising: make(chan struct{}, 1)}
	t.current.Store(current)
	return t, nil
}

// SetUint64 implements raft.StableStore. raft stores the term before it acts on
// it.
func (t *terms) SetUint64(key []byte, value uint64) error {
	switch string(key) {
	case keyCurrentTerm:
		return t.set(value)
	case keyVoteTerm:
		t.vote = value
		return nil
	}
	return t.StableStore.SetUint64(key, value)
}

// Set implements raft.StableStore.
func (t *terms) Set(key, value []byte) error {
	if err := t.StableStore.Set(key, value); err != nil || string(key) != keyVoteCandidate {
		return err
	}
	return t.StableStore.SetUint64([]byte(keyVoteTerm), t.vote)
}

func (t *terms) set(value uint64) error {
	switch current := t.current.Load(); {
	case value == current:
		return nil // the only one a heartbeat comes with, and it holds rising
	case value < current:
		return fmt.Errorf("raft would go back from term %d to %d", current, value)
	}
	t.rising <- struct{}{}
	defer func() { <-t.rising }()
	if err := t.StableStore.SetUint64([]byte(keyCurrentTerm), value); err != nil {
		return err
	}
	t.current.Store(value)
	return nil
}

// during calls handle if term is the current one, which it stays until handle
// returns, or reports false.
func (t *terms) during(term uint64, handle func()) bool {
	t.rising <- struct{}{}
	defer func() { <-t.rising }()
	if term != t.current.Load() {
		return false
	}
	handle()
	return true
}
