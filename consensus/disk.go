package consensus

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sys/unix"
)

// diskInterval is how often the free space is looked up.
const diskInterval = time.Second

// diskWatch knows how much space is free. Below min this peer takes nothing that
// makes the state grow, below half of it nothing at all: the rest is for what
// raft writes by itself, and for the state's own housekeeping.
type diskWatch struct {
	dir  string
	min  int64
	free func(string) (int64, error)
	log  *slog.Logger

	now atomic.Int64 // bytes free
}

// newDiskWatch returns a watch that has not looked yet and takes the disk for
// empty.
func newDiskWatch(o Options) *diskWatch {
	w := &diskWatch{dir: o.Dir, min: o.MinFree, free: o.freeBytes, log: o.Logger}
	w.now.Store(o.MinFree)
	return w
}

func (w *diskWatch) hasRoom() bool { return w.now.Load() >= w.min }

// refuses reports whether there is too little space. removes tells of what is to
// be done that it can only free some; it is asked when that matters.
func (w *diskWatch) refuses(removes func() bool) bool {
	free := w.now.Load()
	return free < w.min && (free < w.min/2 || !removes())
}

// look looks up the free space and logs when that changes the verdict.
func (w *diskWatch) look() {
	free, err := w.free(w.dir)
	if err != nil {
		w.log.Warn("free space is unknown", "directory", w.dir, "error", err)
		return
	}
	had := w.hasRoom()
	w.now.Store(free)
	switch {
	case had && free < w.min:
		w.log.Error("disk is full, operations are refused", "directory", w.dir, "free", free, "needed", w.min)
	case !had && free >= w.min:
		w.log.Info("disk has space again", "directory", w.dir, "free", free)
	}
}

func freeBytes(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("look up free space of %s: %w", dir, err)
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}

// watchDisk runs until the consensus closes.
func (c *Consensus) watchDisk() {
	tick := time.NewTicker(diskInterval)
	defer tick.Stop()
	for {
		c.disk.look()
		if !c.disk.hasRoom() && c.raft.State() == raft.Leader {
			c.leaveLead()
		}
		select {
		case <-tick.C:
		case <-c.closing:
			return
		}
	}
}

// leaveLead hands the leadership to a voter that has room, if there is one.
func (c *Consensus) leaveLead() {
	for _, s := range c.servers() {
		id, err := peer.Decode(string(s.ID))
		if err != nil || id == c.id || s.Suffrage != raft.Voter || !c.reaches(id) || !c.hasRoomAt(id) {
			continue
		}
		if !c.gate.enter() {
			return
		}
		err = c.raft.LeadershipTransferToServer(s.ID, s.Address).Error()
		c.gate.leave()
		if err == nil {
			c.log.Info("leadership handed over for lack of space", "leader", id)
			return
		}
		c.log.Warn("handover for lack of space failed", "to", id, "error", err)
	}
}

func (c *Consensus) hasRoomAt(id peer.ID) bool {
	ctx, cancel := context.WithTimeout(c.ctx, diskInterval)
	defer cancel()
	room := false
	_, err := c.forward.call(ctx, id, nil, "HasRoom", struct{}{}, &room)
	return err == nil && room
}
