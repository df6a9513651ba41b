package consensus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/hashicorp/raft"
	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
)

// mirror is what a consumer of Next knows of the pinset.
type mirror struct {
	mu    sync.Mutex
	names map[api.Cid]string
}

func newMirror() *mirror { return &mirror{names: make(map[api.Cid]string)} }

// follow keeps the mirror up to date until the consensus closes.
func (l *life) follow(w *world) {
	err := l.reload()
	for skipped := 0; err == nil; {
		var ch Changes
		if ch, err = l.Next(context.Background()); err != nil {
			break
		}
		if skipped++; w.broke.lostChanges && skipped%3 == 0 {
			continue
		}
		if ch.All {
			w.count(func(s *simStats) { s.Restores++ })
			err = l.reload()
			continue
		}
		for _, c := range ch.CIDs {
			if err = l.refresh(c); err != nil {
				break
			}
		}
	}
	if !errors.Is(err, ErrClosed) {
		w.fault("follow changes: %w", err)
	}
}

func (l *life) reload() error {
	names, err := pinNames(l.machine)
	l.mirror.mu.Lock()
	defer l.mirror.mu.Unlock()
	l.mirror.names = names
	return err
}

func (l *life) refresh(c api.Cid) error {
	p, err := l.Local().Get(context.Background(), c)
	l.mirror.mu.Lock()
	defer l.mirror.mu.Unlock()
	switch {
	case err == nil:
		l.mirror.names[c] = p.Name
	case errors.Is(err, state.ErrNotFound):
		delete(l.mirror.names, c)
	default:
		return err
	}
	return nil
}

// checkMirror compares the mirror with the state, which must be at rest.
func (l *life) checkMirror() error {
	want, err := pinNames(l.machine)
	if err != nil {
		return err
	}
	l.mirror.mu.Lock()
	defer l.mirror.mu.Unlock()
	if !maps.Equal(l.mirror.names, want) {
		return fmt.Errorf("the consumer of changes has %v, the state %v", l.mirror.names, want)
	}
	return nil
}

func pinNames(pins Pins) (map[api.Cid]string, error) {
	names := make(map[api.Cid]string)
	_, err := pins.Scan(context.Background(), Query{}, func(p api.Pin) error {
		names[p.Cid] = p.Name
		return nil
	})
	return names, err
}

// stateBytes returns the whole state.
func stateBytes(c *Consensus) (string, error) {
	var b bytes.Buffer
	err := c.machine.Backup(&b)
	return b.String(), err
}

func extraEntry(index uint64, data []byte) *raft.Log {
	return &raft.Log{Index: index, Type: raft.LogCommand, Data: data}
}
