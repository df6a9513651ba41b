package files

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/kubo/core"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/peer/ipfs"
)

// Consensus is what the files need of the replicated state.
type Consensus interface {
	Value(ctx context.Context, key string) (consensus.Value, error)
	NextValues(ctx context.Context, space string, seen uint64) (uint64, error)
	Commit(ctx context.Context, ops ...consensus.Op) (consensus.Commit, error)
	Status() consensus.Status
	Voters() []peer.ID
}

// Options configure the files of a peer.
type Options struct {
	ID        peer.ID // this peer's
	Node      *core.IpfsNode
	Consensus Consensus
	Sync      func(context.Context) error // brings the blocks that the node has stored to the disk
	Transport http.RoundTripper           // carries requests to the member whose ID is the host of the URL, see Handler
	Connected func(peer.ID) bool          // whether a member can be reached
	Logger    *slog.Logger

	// Reached is called on the way of every change, when it has got to a step. An error ends it there, as a crash would. It
	// is for tests, and nil elsewhere.
	Reached func(context.Context, Step) error
}

// Step is a point on the way of a change from the command that makes it to its acknowledgement.
type Step int

// The steps of a change, in their order.
const (
	Changed   Step = iota // the command has made it, in memory and as blocks
	Synced                // its blocks are on the disk of this peer
	Held                  // and on those of a majority
	Committed             // it is the cluster's
)

// Files are one peer's part in the cluster's files. Its methods may be called from any goroutine.
type Files struct {
	opts   Options
	blocks *store
	kubos  cid.Cid // the root that an earlier build has left in kubo's own place; kubo does not start without it

	ctx     context.Context // ends with Close
	end     context.CancelFunc
	running sync.WaitGroup // what goes on after the call that began it

	turn chan struct{} // taken by the operation that runs

	mu     sync.Mutex
	writer *writer // what this peer has made of the tree; nil: nothing that still counts

	viewing sync.Mutex
	views   map[bool]*view // what was read last, in part and with all entries

	held  *held
	hurry chan struct{} // has a token when somebody waits for held
	late  chan struct{} // has a token for every spread that goes on although a majority has the blocks
}

var (
	// ErrClosed reports a call to files that are closing.
	ErrClosed = errors.New("the files are closing")
	// errSlow ends an operation that waits too long for blocks that it needs.
	errSlow error = timedOut{errors.New("no peer sends the blocks that the operation needs")}
)

type timedOut struct{ error }

// HTTPStatus tells the APIs how to answer.
func (timedOut) HTTPStatus() int { return http.StatusGatewayTimeout }

// Open makes the files of a peer. Close must be called, and before the node closes.
func Open(o Options) (*Files, error) {
	members, err := ipfs.Members(o.Node)
	if err != nil {
		return nil, err
	}
	f := &Files{opts: o, views: make(map[bool]*view), turn: make(chan struct{}, 1), hurry: make(chan struct{}, 1), late: make(chan struct{}, maxLate), blocks: newStore(o.Node, members)}
	if own, err := o.Node.FilesRoot.GetDirectory().GetNode(); err == nil && own.Cid() != unixfs.EmptyDirNode().Cid() {
		f.kubos = own.Cid()
	}
	f.ctx, f.end = context.WithCancel(context.Background())
	if f.held, err = loadHeld(f.ctx, o.Node.Repo.Datastore()); err != nil {
		f.end()
		return nil, err
	}
	return f, nil
}

// Close ends what runs and waits for it. It may be called twice.
func (f *Files) Close() error {
	f.mu.Lock()
	f.end()
	w := f.writer
	f.writer = nil
	f.mu.Unlock()
	f.running.Wait()
	if w != nil {
		f.closeRoot(w)
	}
	return nil
}

const (
	// placeLimit is how long a change waits for a leader that can be reached.
	placeLimit = 10 * time.Second
	placeRound = 10 * time.Millisecond
)

// Place returns the peer that makes changes: the leader. It may be this one, and is when no leader that can be reached is
// found in time, or when it is in no cluster: whether a change counts is decided when it is committed.
func (f *Files) Place(ctx context.Context) peer.ID {
	ctx, cancel := context.WithTimeout(ctx, placeLimit)
	defer cancel()
	tick := time.NewTicker(placeRound)
	defer tick.Stop()
	for {
		leader := f.opts.Consensus.Status().Leader
		if leader == f.opts.ID || leader != "" && f.opts.Connected(leader) {
			return leader
		}
		if len(f.opts.Consensus.Voters()) == 0 {
			return f.opts.ID
		}
		select {
		case <-ctx.Done():
			return f.opts.ID
		case <-tick.C:
		}
	}
}
