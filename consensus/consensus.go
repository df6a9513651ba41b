package consensus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/underlay/underlay/consensus/pinset"
)

// Names below Options.Dir. The snapshot store insists on its own.
const (
	stateDir    = "state"
	restoreDir  = "restore"
	logDir      = "log"
	snapshotDir = "snapshots"
)

const (
	// drainTimeout bounds how long Close lets entries in flight end.
	drainTimeout = 2 * time.Second
	// stepTimeout bounds each further step of Close.
	stepTimeout = 5 * time.Second
)

// Consensus is one peer's part in the replicated pinset. Its methods may be
// called from any goroutine.
type Consensus struct {
	opts Options
	id   peer.ID
	host host.Host
	log  *slog.Logger

	stores   *stores
	machine  *pinset.Machine
	streams  *streams
	raft     *raft.Raft
	guard    *guard // before raft
	leaders  *leaderWatch
	forward  *forwarder
	batcher  *batcher
	nudger   *nudger
	elector  *elector
	disk     *diskWatch
	rounds   rounds
	counters counters

	succession *succession

	barrierTerm atomic.Uint64 // term in which raft's barrier has passed here
	ready       chan struct{}

	ctx        context.Context // ends background work
	cancel     context.CancelFunc
	closing    chan struct{}
	background gate // our own goroutines
	gate       gate // uses of raft

	closeMu  sync.Mutex
	isClosed bool
	closeErr error
}

// Open opens or creates the stores below o.Dir, brings the state up to date with
// them and starts raft. A peer without state then waits until Bootstrap is
// called or the leader of a cluster, having been told to add it, makes contact.
// Close must be called.
func Open(o Options) (*Consensus, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open consensus: %w", err)
	}
	return open(o, onDisk())
}

// open is Open with complete options, on any medium.
func open(o Options, on medium) (_ *Consensus, err error) {
	c := &Consensus{
		opts: o, id: o.Host.ID(), host: o.Host, log: o.Logger,
		nudger: newNudger(), elector: newElector(), disk: newDiskWatch(o), ready: make(chan struct{}), closing: make(chan struct{}),
	}
	c.succession = newSuccession(c)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if c.stores, err = openStores(o, on, c.closing, c.disk.hasRoom); err != nil {
		c.cancel()
		return nil, fmt.Errorf("open consensus: %w", err)
	}
	c.machine = c.stores.machine
	if err := c.startRaft(); err != nil {
		c.cancel()
		return nil, fmt.Errorf("open consensus: %w", errors.Join(err, c.stores.close()))
	}
	if c.forward, err = newForwarder(c); err != nil {
		return nil, fmt.Errorf("open consensus: %w", errors.Join(err, c.stopRaft(), c.stores.close()))
	}
	c.batcher = &batcher{
		queue: newQueue(o.QueueOps, queueBytes), maxOps: o.BatchOps, timeout: o.CommitTimeout, observe: o.Observe.Batch,
		propose: c.propose,
		leader: func(ctx context.Context) error {
			_, _, err := c.leaders.wait(ctx, c.closing)
			return err
		},
	}
	c.batcher.start(o.InFlight)
	c.background.start(c.nudge)
	c.background.start(c.awaitReady)
	c.background.start(c.superviseMembers)
	c.background.start(c.hastenElections)
	c.background.start(c.watchDisk)
	return c, nil
}

// startRaft starts raft and what it needs and feeds.
func (c *Consensus) startRaft() error {
	logger := newRaftLogger(c.log)
	c.streams = newStreams(c.host)
	transport := newGuard(newRaftTransport(c.streams, logger.Named(netPart)), c.stores.terms, c.stores.log, c.stores.snapshots)
	conf := raft.DefaultConfig()
	conf.LocalID = raft.ServerID(c.id.String())
	conf.Logger = logger
	conf.LeaderLeaseTimeout = c.opts.Heartbeat / 2
	conf.HeartbeatTimeout = c.opts.Heartbeat
	conf.ElectionTimeout = c.opts.Heartbeat
	conf.CommitTimeout = min(conf.CommitTimeout, c.opts.Heartbeat/4)
	conf.MaxAppendEntries = 512
	conf.BatchApplyCh = true
	conf.SnapshotThreshold = c.opts.SnapshotEntries
	conf.SnapshotInterval = c.opts.SnapshotInterval
	conf.TrailingLogs = c.opts.TrailingEntries
	conf.NoLegacyTelemetry = true
	// The state is durable itself, and restored by openStores when it is behind.
	conf.NoSnapshotRestoreOnStart = true
	// A removed peer must go on answering its own calls until it is closed.
	conf.ShutdownOnRemove = false
	r, err := c.newRaft(conf, transport)
	if err != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
		defer cancel()
		return errors.Join(fmt.Errorf("start raft: %w", err), c.streams.cut(ctx), transport.Close())
	}
	c.stores.log.Arm()
	c.raft, c.guard = r, transport
	transport.serve(r.CurrentTerm)
	c.leaders = watchLeader(r, c.log)
	return nil
}

// newRaft is raft.NewRaft, which panics when it cannot read the log.
func (c *Consensus) newRaft(conf *raft.Config, t raft.Transport) (r *raft.Raft, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrCorrupt, p)
		}
	}()
	log := observedLog{c.stores.log, c.opts.Observe.Log}
	snapshots := observedSnapshots{c.stores.snapshots, c.opts.Observe.Snapshot, c.counters.snapshotBytes.Store}
	return raft.NewRaft(conf, c.machine, log, c.stores.terms, snapshots, t)
}

// awaitReady closes ready after the first barrier that succeeds as a member.
func (c *Consensus) awaitReady() {
	for {
		err := c.Barrier(c.ctx)
		if err == nil && c.isMember(c.id) {
			close(c.ready)
			return
		}
		if c.pause(c.ctx, nil) != nil {
			return
		}
	}
}

// HasState reports whether this peer holds anything of a cluster. It then belongs
// to that cluster, or did so once. A term alone is nothing.
func (c *Consensus) HasState() bool { return c.raft.LastIndex() > 0 }

// Close stops this peer: work that waits fails with ErrClosed, entries in flight
// get two seconds to end. It does not hand over the leadership, see Handover.
// Later calls return what the first did.
func (c *Consensus) Close() error {
	c.closeMu.Lock()
	defer c.closeMu.Unlock()
	if c.isClosed {
		return c.closeErr
	}
	close(c.closing)
	c.cancel()
	drain, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	c.batcher.close(drain)
	c.forward.close()
	step, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer cancel()
	// raft is running still, so everything that waits for it gets an answer.
	faults := []error{
		named("wait for calls of raft", c.gate.close(step)),
		named("wait for background work", c.background.close(step)),
		c.stopRaft(),
		c.stores.close(),
	}
	c.isClosed = true
	if c.closeErr = errors.Join(faults...); c.closeErr != nil {
		c.closeErr = fmt.Errorf("close consensus: %w", c.closeErr)
	}
	return c.closeErr
}

func (c *Consensus) isClosing() bool {
	select {
	case <-c.closing:
		return true
	default:
		return false
	}
}

// stopRaft cuts raft off from the network, waits for its handlers and stops it.
func (c *Consensus) stopRaft() error {
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer cancel()
	// A snapshot or restore in progress would hold raft up.
	c.machine.Stop()
	cut := c.streams.cut(ctx)
	c.leaders.close()
	return errors.Join(cut, named("stop raft", c.raft.Shutdown().Error()))
}

func named(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
