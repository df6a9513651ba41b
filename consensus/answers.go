package consensus

import (
	"sync"

	"github.com/hashicorp/raft"
)

// answers tells when the voters last acknowledged this peer as the leader of a
// term, counted by when it asked them.
//
// raft's VerifyLeader counts any answer that comes in after it was called, to a
// heartbeat sent long before too. A leader that was frozen in between finds such
// answers waiting, and takes itself for the leader that it was.
type answers struct {
	mu    sync.Mutex
	clock uint64 // of the latest question
	acked map[raft.ServerID]ack
}

type ack struct{ term, asked uint64 }

func newAnswers() *answers { return &answers{acked: make(map[raft.ServerID]ack)} }

// begin returns a number that is larger than those of all questions so far.
func (a *answers) begin() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clock++
	return a.clock
}

// ack notes that a server has answered a question, asked at the given number, as
// a follower of the term.
func (a *answers) ack(id raft.ServerID, term, asked uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if last := a.acked[id]; term > last.term || term == last.term && asked > last.asked {
		a.acked[id] = ack{term, asked}
	}
}

// majority reports whether most voters, self among them, have answered a
// question of the term that was asked after since.
func (a *answers) majority(servers []raft.Server, self raft.ServerID, term, since uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	voters, agreed := 0, 0
	for _, s := range servers {
		if s.Suffrage != raft.Voter {
			continue
		}
		voters++
		if last := a.acked[s.ID]; s.ID == self || last.term == term && last.asked > since {
			agreed++
		}
	}
	return agreed > voters/2
}
