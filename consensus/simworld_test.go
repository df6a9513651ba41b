package consensus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus/internal/sim"
)

// simDir is where a simulated peer keeps its state.
const simDir = "peer"

// simSabotage breaks something on purpose, to show that the checks notice.
type simSabotage struct {
	staleReads  bool // reads skip the barrier
	freshRetry  bool // clients repeat a call of unknown outcome as a new one
	lyingDisks  bool // a power cut takes acknowledged log entries along
	extraEntry  bool // one peer applies an entry of its own
	lostChanges bool // one peer's consumer misses changes
}

// world is one simulated cluster with its clients, inside a synctest bubble.
type world struct {
	seed  uint64
	broke simSabotage
	opts  Options
	net   *sim.Network
	peers []*simPeer
	hist  *history

	background sync.WaitGroup // lives that are ending, faults, clients

	mu      sync.Mutex
	faults  []error
	leaders map[uint64]peer.ID // by term
	stats   simStats
}

// simStats tell what a simulation has been through.
type simStats struct {
	Acked, Unknown, Refused, Reads, Conflicts     int
	Crashes, Restarts, Terms, Restores, Handovers int
	PartitionFaults, LossFaults, SlowFaults       int
	Recovery                                      time.Duration // longest from the last fault to a sound cluster
	Virtual                                       time.Duration
}

func (s *simStats) add(o simStats) {
	s.Acked += o.Acked
	s.Unknown += o.Unknown
	s.Refused += o.Refused
	s.Reads += o.Reads
	s.Conflicts += o.Conflicts
	s.Crashes += o.Crashes
	s.Restarts += o.Restarts
	s.Terms += o.Terms
	s.Restores += o.Restores
	s.Handovers += o.Handovers
	s.PartitionFaults += o.PartitionFaults
	s.LossFaults += o.LossFaults
	s.SlowFaults += o.SlowFaults
	s.Recovery = max(s.Recovery, o.Recovery)
	s.Virtual += o.Virtual
}

// simPeer is one peer through all its lives.
type simPeer struct {
	w  *world
	id peer.ID
	// turn is held by whoever starts or ends a life. A lock would not do: the
	// virtual clock stands while somebody waits for one.
	turn chan struct{}

	mu   sync.Mutex
	disk *sim.Disk
	life *life  // nil while down
	dead bool   // for good: it does not start again
	vote uint64 // last seen by the monitor
}

// life is a peer from its start to its end.
type life struct {
	*Consensus
	host    *sim.Host
	crashed atomic.Bool // what it says counts no more
	applied uint64      // last seen by the monitor
	mirror  *mirror
}

func (w *world) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Errorf(format, args...))
}

func (w *world) count(f func(*simStats)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(&w.stats)
}

// newWorld makes a cluster of n peers and starts it. Its options follow from the
// seed, and can be tuned.
func newWorld(seed uint64, n int, broke simSabotage, tune func(*Options)) (*world, error) {
	w, err := newPeers(seed, n, broke, tune)
	if err != nil {
		return nil, err
	}
	return w, w.peers[0].up().Bootstrap(w.ids())
}

// newPeers makes n peers without a cluster and starts them.
func newPeers(seed uint64, n int, broke simSabotage, tune func(*Options)) (*world, error) {
	rng := rand.New(rand.NewPCG(seed, 1))
	level := slog.LevelError + 4
	if os.Getenv("TEST_LOG") != "" {
		level = slog.LevelDebug
	}
	w := &world{
		seed: seed, broke: broke, leaders: make(map[uint64]peer.ID), hist: &history{},
		net: sim.NewNetwork(rand.New(rand.NewPCG(seed, 2))),
		opts: Options{
			Dir: simDir, CacheBytes: 1 << 20, Stabilization: 10 * time.Second,
			Logger:           slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
			Heartbeat:        time.Duration(150+rng.IntN(350)) * time.Millisecond,
			CommitTimeout:    time.Duration(1500+rng.IntN(4000)) * time.Millisecond,
			BatchOps:         1 + rng.IntN(16),
			InFlight:         1 + rng.IntN(4),
			SnapshotEntries:  uint64(2 + rng.IntN(30)),
			TrailingEntries:  uint64(1 + rng.IntN(8)),
			SnapshotInterval: time.Duration(100+rng.IntN(900)) * time.Millisecond,
		},
	}
	if tune != nil {
		tune(&w.opts)
	}
	for i := range n {
		disk, err := sim.NewDisk(simDir + "/" + stateDir)
		if err != nil {
			return nil, err
		}
		w.peers = append(w.peers, &simPeer{w: w, id: testPeer(i), disk: disk, turn: make(chan struct{}, 1)})
	}
	w.calmNetwork()
	for _, p := range w.peers {
		if err := p.start(); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *world) ids() []peer.ID {
	var ids []peer.ID
	for _, p := range w.peers {
		ids = append(ids, p.id)
	}
	return ids
}

// calmNetwork ends all faults of the network.
func (w *world) calmNetwork() {
	for _, a := range w.peers {
		for _, b := range w.peers {
			w.net.SetLink(a.id, b.id, sim.Link{Delay: time.Millisecond, Jitter: 2 * time.Millisecond})
		}
	}
}

// up returns the peer's life, nil if it is down.
func (p *simPeer) up() *life {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.life
}

func (p *simPeer) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

// start begins a life, if the peer is down and not dead.
func (p *simPeer) start() error {
	p.turn <- struct{}{}
	defer func() { <-p.turn }()
	if p.up() != nil || p.isDead() {
		return nil
	}
	l := &life{host: p.w.net.Host(p.id), mirror: newMirror()}
	o := p.w.opts
	o.Host = l.host
	o.Logger = o.Logger.With("peer", p.id.String()[40:])
	o.Fatal = func(err error) {
		if !l.crashed.Load() {
			p.w.fault("peer %s: fatal: %w", p.id, err)
		}
	}
	o.freeBytes = func(string) (int64, error) { return 1 << 40, nil }
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	p.mu.Lock()
	disk := p.disk
	p.mu.Unlock()
	l.Consensus, err = open(o, medium{
		fs:            disk.Files(),
		openLog:       func(Options, func() bool) (logStore, error) { return disk.Log(), nil },
		openSnapshots: func(Options) (raft.SnapshotStore, error) { return disk.Snapshots(), nil },
	})
	if err != nil {
		return fmt.Errorf("peer %s: %w", p.id, errors.Join(err, l.host.Close()))
	}
	p.watchElections(l)
	p.w.background.Go(func() { l.follow(p.w) })
	p.mu.Lock()
	defer p.mu.Unlock()
	p.life = l
	return nil
}

// watchElections notes who wins. raft calls the filter in its own goroutine at
// the moment of the change, so the term belongs to it.
func (p *simPeer) watchElections(l *life) {
	l.raft.RegisterObserver(raft.NewObserver(nil, false, func(o *raft.Observation) bool {
		if state, ok := o.Data.(raft.RaftState); !ok || state != raft.Leader || l.crashed.Load() {
			return false
		}
		term := o.Raft.CurrentTerm()
		p.w.mu.Lock()
		other, taken := p.w.leaders[term]
		p.w.leaders[term] = p.id
		p.w.mu.Unlock()
		if taken {
			p.w.fault("term %d was won by %s and by %s", term, other, p.id)
		}
		return false
	}))
}

// crash ends the life at once. The machine dies with the power, or the process
// alone: then the others see their connections break.
func (p *simPeer) crash(rng *rand.Rand) {
	p.turn <- struct{}{}
	defer func() { <-p.turn }()
	l := p.up()
	if l == nil {
		return
	}
	l.crashed.Store(true)
	keep := 100 // of what was not synced: a process that dies leaves its files as they are
	if rng.IntN(2) == 0 {
		l.host.Vanish()
		keep = []int{0, 0, 50, 100}[rng.IntN(4)]
	} else if err := l.host.Close(); err != nil {
		p.w.fault("close host: %w", err)
	}
	p.mu.Lock()
	p.disk = p.disk.Crash(rng, keep)
	if p.w.broke.lyingDisks {
		p.disk.Forget(3)
	}
	p.life = nil
	p.mu.Unlock()
	p.w.count(func(s *simStats) { s.Crashes++ })
	// What still runs of this life sees neither the network nor the new disk.
	p.w.background.Go(func() { _ = l.Close() })
}

// stop ends the life as an orderly restart does.
func (p *simPeer) stop(handover bool) {
	p.turn <- struct{}{}
	defer func() { <-p.turn }()
	l := p.up()
	if l == nil {
		return
	}
	if handover {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		if l.Handover(ctx) == nil { // it may fail: the network is bad
			p.w.count(func(s *simStats) { s.Handovers++ })
		}
		cancel()
	}
	if err := errors.Join(l.Close(), l.host.Close()); err != nil {
		p.w.fault("peer %s: %w", p.id, err)
	}
	p.mu.Lock()
	p.life = nil
	p.mu.Unlock()
	p.w.count(func(s *simStats) { s.Restarts++ })
}

// leader returns the peer that leads the latest term, nil if none does.
func (w *world) leader() *simPeer {
	var best *simPeer
	var term uint64
	for _, p := range w.peers {
		if l := p.up(); l != nil && l.raft.State() == raft.Leader && l.raft.CurrentTerm() >= term {
			best, term = p, l.raft.CurrentTerm()
		}
	}
	return best
}

// lastVote returns the latest term in which the peer has voted.
func (p *simPeer) lastVote() uint64 {
	p.mu.Lock()
	disk := p.disk
	p.mu.Unlock()
	term, err := disk.Log().GetUint64([]byte("LastVoteTerm"))
	if err != nil {
		p.w.fault("peer %s: %w", p.id, err)
	}
	return term
}

// monitor watches that indexes and votes never go back, until ctx ends.
func (w *world) monitor(ctx context.Context) {
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	for ctx.Err() == nil {
		for _, p := range w.peers {
			l := p.up()
			if l == nil {
				continue
			}
			applied, vote := l.Applied(), p.lastVote()
			if l.crashed.Load() {
				continue // what it has got to since is on no disk
			}
			if applied < l.applied {
				w.fault("peer %s: applied index went from %d to %d", p.id, l.applied, applied)
			}
			// A vote is durable before it is given: no crash takes it back.
			if vote < p.vote {
				w.fault("peer %s: the term of its last vote went from %d to %d", p.id, p.vote, vote)
			}
			l.applied, p.vote = applied, vote
		}
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
}
