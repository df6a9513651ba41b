package consensus

import (
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// contacts tells, while this peer leads, once of each member that does not answer, and once that it answers again.
type contacts struct {
	log *slog.Logger

	mu   sync.Mutex
	away map[raft.ServerID]bool
}

func newContacts(log *slog.Logger) *contacts {
	return &contacts{log: log, away: make(map[raft.ServerID]bool)}
}

// observe takes what raft observes.
func (c *contacts) observe(data any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch o := data.(type) {
	case raft.FailedHeartbeatObservation:
		if !c.away[o.PeerID] {
			c.away[o.PeerID] = true
			c.log.Warn("a member does not answer", "peer", o.PeerID, "since", time.Since(o.LastContact).Round(time.Millisecond))
		}
	case raft.ResumedHeartbeatObservation:
		if c.away[o.PeerID] {
			delete(c.away, o.PeerID)
			c.log.Info("a member answers again", "peer", o.PeerID)
		}
	case raft.RaftState: // who leads from now on sees for itself
		clear(c.away)
	}
}
