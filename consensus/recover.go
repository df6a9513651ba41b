package consensus

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/hashicorp/raft"
	"github.com/libp2p/go-libp2p/core/peer"
)

// ErrNoState reports a directory in which no peer has ever taken part in a
// cluster.
var ErrNoState = errors.New("there is no consensus state to recover")

// Recover makes the peer id, whose consensus in dir must be closed, the only
// member of its cluster. It is for a cluster that has lost its majority for
// good: what this peer holds, entries included that were never committed,
// becomes the truth. The other members must not be started again with their old
// data: two of them could be a majority of the old cluster.
//
// A crash in between leaves the old membership or the new one.
func Recover(dir string, id peer.ID, log *slog.Logger) error {
	o := Options{Dir: dir, Logger: log, Fatal: func(err error) { panic(err) }}
	o = o.defaults()
	s, err := openStores(o, onDisk(), make(chan struct{}), func() bool { return true })
	if err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	_, last, snapshot, err := s.extent()
	if err == nil && max(last, snapshot) == 0 {
		err = ErrNoState
	}
	if err != nil {
		return fmt.Errorf("recover %s: %w", dir, errors.Join(err, s.close()))
	}
	conf := raft.DefaultConfig()
	conf.LocalID = raft.ServerID(id.String())
	conf.Logger = newRaftLogger(log)
	address := raft.ServerAddress(id.String())
	_, transport := raft.NewInmemTransport(address) // only asked to encode the address
	members := raft.Configuration{Servers: []raft.Server{{Suffrage: raft.Voter, ID: conf.LocalID, Address: address}}}
	err = raft.RecoverCluster(conf, releasing{s.machine}, s.log, s.log, s.snapshots, transport, members)
	if err = errors.Join(err, transport.Close(), s.close()); err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	return nil
}

// releasing makes snapshots that are released once they are written: raft's
// RecoverCluster does not do that.
type releasing struct{ raft.FSM }

// Snapshot implements raft.FSM.
func (r releasing) Snapshot() (raft.FSMSnapshot, error) {
	s, err := r.FSM.Snapshot()
	if err != nil {
		return nil, err
	}
	return releasingSnapshot{s}, nil
}

type releasingSnapshot struct{ raft.FSMSnapshot }

// Persist implements raft.FSMSnapshot.
func (s releasingSnapshot) Persist(sink raft.SnapshotSink) error {
	defer s.Release()
	return s.FSMSnapshot.Persist(sink)
}
