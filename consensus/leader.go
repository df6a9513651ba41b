package consensus

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
	"github.com/libp2p/go-libp2p/core/peer"
)

// leaderWatch knows who leads, as far as this peer's raft knows.
type leaderWatch struct {
	raft     *raft.Raft
	log      *slog.Logger
	observer *raft.Observer
	events   chan raft.Observation
	stop     chan struct{}
	done     chan struct{}

	mu      sync.Mutex
	id      peer.ID // empty: no leader
	changed chan struct{}

	changes atomic.Uint64 // times that a leader was found
}

// watchLeader starts watching. close must be called.
func watchLeader(r *raft.Raft, log *slog.Logger) *leaderWatch {
	w := &leaderWatch{
		raft: r,
		log:  log,
		// One waiting event is enough: what counts is raft's answer when it is
		// handled.
		events:  make(chan raft.Observation, 1),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
		changed: make(chan struct{}),
	}
	w.observer = raft.NewObserver(w.events, false, func(o *raft.Observation) bool {
		switch o.Data.(type) {
		case raft.LeaderObservation, raft.RaftState:
			return true
		}
		return false
	})
	r.RegisterObserver(w.observer)
	w.refresh()
	go w.run()
	return w
}

func (w *leaderWatch) run() {
	defer close(w.done)
	for {
		select {
		case <-w.events:
			w.refresh()
		case <-w.stop:
			return
		}
	}
}

func (w *leaderWatch) close() {
	w.raft.DeregisterObserver(w.observer)
	close(w.stop)
	<-w.done
}

// refresh asks raft who leads and returns that, together with a channel that is
// closed when it changes.
func (w *leaderWatch) refresh() (peer.ID, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, server := w.raft.LeaderWithID()
	id, err := peer.Decode(string(server))
	if err != nil {
		id = "" // raft knows of no leader
	}
	if id != w.id {
		w.id = id
		if id == "" {
			w.log.Warn("the cluster has no leader")
		} else {
			w.changes.Add(1)
			w.log.Info("the cluster has a leader", "leader", id, "term", w.raft.CurrentTerm())
		}
		close(w.changed)
		w.changed = make(chan struct{})
	}
	return w.id, w.changed
}

// wait returns the leader as soon as there is one.
func (w *leaderWatch) wait(ctx context.Context, closing <-chan struct{}) (peer.ID, <-chan struct{}, error) {
	for {
		// raft forgets a leader without an event when that leader is this peer,
		// hence the question every time.
		id, changed := w.refresh()
		if id != "" {
			return id, changed, nil
		}
		select {
		case <-changed:
		case <-closing:
			return "", nil, ErrClosed
		case <-ctx.Done():
			return "", nil, ctx.Err()
		}
	}
}
