package consensus

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	autopilot "github.com/hashicorp/raft-autopilot"
	"github.com/libp2p/go-libp2p/core/peer"
)

// goneTimeout bounds the questions of one pass whether machines are gone.
const goneTimeout = 5 * time.Second

// succession lets a new member take the place of a dead one: that of the same
// slot, whose machine is gone for good. It is raft-autopilot's promoter on the
// leader, and so decides anew every few seconds from what is there: a leader that
// dies in the middle leaves nothing behind that the next one does not see.
//
// A slot has one vote. A new member catches up without a vote, and waits for one
// as long as another voter has its slot. When it has been stable for
// Stabilization, the other one has been silent for as long, and Gone is sure, the
// other one is removed; the vote follows at the next pass. That order is never
// the worse one. Before, a majority of three with one dead are both others; after
// the removal it is both of two, the same two; then any two of three. With the
// vote first there would be four, of which one is dead, and all three others
// would have to be up: the new one, too, which has proved itself least. That the
// dead one has no vote any more costs nothing only because it cannot come back,
// so one that merely does not answer keeps its place, and the new one waits.
//
// Without a majority there is no leader, so nothing of this happens: see Recover.
type succession struct {
	autopilot.StablePromoter
	d *autopilotDelegate

	answers map[peer.ID]goneAnswer // used by the goroutine of the passes alone

	mu      sync.Mutex
	waiting map[peer.ID]string // members without a vote, and why
}

// goneAnswer is what Options.Gone said of a member with this record.
type goneAnswer struct {
	record string
	at     time.Time
	err    error
}

// slotted is a member that has a slot.
type slotted struct {
	id     peer.ID
	server *autopilot.ServerState
	record MemberRecord
	voter  bool
}

var _ autopilot.Promoter = (*succession)(nil)

// bySlot lists the members of each slot, by raft's latest configuration.
func (s *succession) bySlot(state *autopilot.State) map[string][]slotted {
	c := s.d.c
	records, err := c.Members(c.ctx)
	if err != nil || state == nil {
		return nil // it is closing, or has just begun
	}
	members := make(map[raft.ServerID]raft.ServerSuffrage)
	for _, m := range c.servers() {
		members[m.ID] = m.Suffrage
	}
	slots := make(map[string][]slotted)
	for _, r := range records {
		id := raft.ServerID(r.ID.String())
		suffrage, member := members[id]
		slot, server := c.opts.Slot(r), state.Servers[id]
		if slot != "" && member && server != nil {
			slots[slot] = append(slots[slot], slotted{r.ID, server, r, suffrage == raft.Voter})
		}
	}
	return slots
}

// CalculatePromotionsAndDemotions implements autopilot.Promoter: a stable member
// gets a vote if no other voter has its slot.
func (s *succession) CalculatePromotionsAndDemotions(conf *autopilot.Config, state *autopilot.State) autopilot.RaftChanges {
	changes := s.StablePromoter.CalculatePromotionsAndDemotions(conf, state)
	for _, members := range s.bySlot(state) {
		taken := slices.ContainsFunc(members, func(m slotted) bool { return m.voter })
		for _, m := range members {
			i := slices.Index(changes.Promotions, m.server.Server.ID)
			if i >= 0 && taken {
				changes.Promotions = slices.Delete(changes.Promotions, i, i+1)
			}
			taken = taken || i >= 0
		}
	}
	return changes
}

// FilterFailedServerRemovals implements autopilot.Promoter: members that can be
// succeeded are to be removed beside those that were away for too long. Autopilot
// still sees to it that enough voters remain.
func (s *succession) FilterFailedServerRemovals(conf *autopilot.Config, state *autopilot.State, failed *autopilot.FailedServers) *autopilot.FailedServers {
	ctx, cancel := context.WithTimeout(s.d.c.ctx, goneTimeout)
	defer cancel()
	now := time.Now()
	answers, waiting := make(map[peer.ID]goneAnswer), make(map[peer.ID]string)
	for slot, members := range s.bySlot(state) {
		for _, old := range members {
			heirs := slices.DeleteFunc(slices.Clone(members), func(m slotted) bool {
				return m.id == old.id || !m.server.Health.IsStable(now, conf.ServerStabilizationTime)
			})
			if len(heirs) == 0 {
				continue
			}
			why := "answers"
			if s.d.silent(old.server.Server.ID, now) {
				answers[old.id] = s.ask(ctx, old)
				if answers[old.id].err == nil {
					failed = withGone(failed, old)
					continue
				}
				why = "does not answer; it stays a member, since it may come back: " + answers[old.id].err.Error()
			}
			for _, heir := range heirs {
				if old.voter && !heir.voter {
					waiting[heir.id] = fmt.Sprintf("the vote of slot %s is that of %s, which %s", slot, old.id, why)
				}
			}
		}
	}
	s.answers = answers
	s.wait(waiting)
	return failed
}

// ask returns whether the machine of a silent member is gone. An answer that it
// is stays true for the same record; any other one is good for a while.
func (s *succession) ask(ctx context.Context, m slotted) goneAnswer {
	last, asked := s.answers[m.id]
	if asked && last.record == string(m.record.Record) && (last.err == nil || time.Since(last.at) < s.d.c.opts.Stabilization) {
		return last
	}
	err := s.d.c.opts.Gone(ctx, m.record)
	return goneAnswer{string(m.record.Record), time.Now(), err}
}

// withGone adds a member whose machine is gone to those that are to be removed.
func withGone(failed *autopilot.FailedServers, m slotted) *autopilot.FailedServers {
	gone := m.server.Server
	gone.NodeStatus = autopilot.NodeLeft // tells RemoveFailedServer why
	list := &failed.FailedNonVoters
	if m.voter {
		list = &failed.FailedVoters
	}
	*list = slices.DeleteFunc(*list, func(s *autopilot.Server) bool { return s.ID == gone.ID })
	*list = append(*list, &gone)
	return failed
}

// wait notes who waits, and logs each reason once.
func (s *succession) wait(waiting map[peer.ID]string) {
	s.mu.Lock()
	before := s.waiting
	s.waiting = waiting
	s.mu.Unlock()
	for id, why := range waiting {
		if before[id] != why {
			s.d.c.log.Warn("a new member waits for a vote", "peer", id, "reason", why)
		}
	}
}

// waits returns who waits for a vote, and why.
func (s *succession) waits() map[peer.ID]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting
}
