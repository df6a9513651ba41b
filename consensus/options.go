package consensus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/underlay/underlay/consensus/pinset"
	"go.opentelemetry.io/otel/trace"
)

// Options configure Open. Dir and Host are required, zero values of the rest
// take the default named beside them.
type Options struct {
	// Dir holds the raft log, the snapshots and the state. It is created when
	// absent and must belong to this Consensus alone.
	Dir string
	// Host is this peer on the cluster's private network. Consensus uses it but
	// does not own it: it must outlive Close.
	Host host.Host
	// Logger receives everything, raft's own lines included (discarded if nil).
	Logger *slog.Logger
	// Heartbeat is raft's heartbeat and election timeout (1 s).
	Heartbeat time.Duration
	// CommitTimeout bounds Commit, Barrier and membership changes even when
	// their context does not (20 s).
	CommitTimeout time.Duration
	// Stabilization is how long a new member must be caught up before it votes
	// (10 s).
	Stabilization time.Duration
	// DeadAfter is how long a member may be away before it is removed, if enough
	// voters remain; 0 never removes any.
	DeadAfter time.Duration
	// Slot, unless nil, returns the place in the cluster that a peer fills, by its
	// record; empty: none. Of the members of a slot one has a vote, see succession.
	Slot func(MemberRecord) string
	// Gone, unless nil, returns nil if the machine of a peer is gone for good, by
	// its record, and else why that is not sure. The leader asks, about members that
	// do not answer and whose slot has another one.
	Gone func(context.Context, MemberRecord) error
	// Weigh, unless nil, tells how many bytes a pin has, if that can be found out
	// at once; it may stop where they are more than most. It is asked for pins that
	// count for an account with a limit on bytes.
	Weigh func(ctx context.Context, pin api.Pin, most uint64) (bytes uint64, known bool)
	// Fatal is called when this peer can no longer apply committed entries. It
	// should end the process: the peer refuses all work afterwards (panic).
	Fatal func(error)

	// Outside, unless nil, returns why this peer belongs to no cluster yet, and nil
	// when it may find a leader at any moment. While it has a reason nobody waits for
	// a leader: what needs one fails with ErrNotMember and the reason.
	Outside func() error

	// Observe is told what commits and the disk have taken.
	Observe Observers
	// Tracer begins the spans of what this peer commits for requests of others; nil: none.
	Tracer trace.Tracer

	// BatchOps is how many operations go into one log entry (512). A single
	// Commit call is never split, so one entry may hold more.
	BatchOps int
	// InFlight is how many entries this peer proposes at the same time (2): more
	// only make them smaller.
	InFlight int
	// QueueOps bounds the operations that wait to be proposed (32,768).
	QueueOps int
	// SnapshotEntries is how many entries the log may grow before it is
	// compacted by a snapshot (16,384).
	SnapshotEntries uint64
	// TrailingEntries stay in the log after a snapshot, for followers that lag
	// only a little (8,192).
	TrailingEntries uint64
	// SnapshotInterval is how often the need for a snapshot is checked (2 min).
	SnapshotInterval time.Duration
	// SegmentBytes is the size of the files of the raft log (64 MiB).
	SegmentBytes int
	// MinFree is how many bytes must be free on the disk of Dir: with less, this
	// peer refuses operations, see ErrDiskFull (64 MiB).
	MinFree int64
	// CacheBytes is the size of the state's block cache (32 MiB).
	CacheBytes int64

	// freeBytes asks the file system of a directory, or a test.
	freeBytes func(dir string) (int64, error)
}

// errCannotTell is the answer of a cluster whose machines nobody watches.
var errCannotTell = errors.New("nobody can tell whether its machine is gone")

const (
	// batchBytes ends a batch before it holds BatchOps operations: large
	// entries make every follower's append slow.
	batchBytes = 1 << 20
	// queueBytes bounds the memory of waiting operations.
	queueBytes = 64 << 20
)

// withDefaults returns o with the zero values replaced, or every fault at once.
func (o Options) withDefaults() (Options, error) {
	var faults []error
	if o.Dir == "" {
		faults = append(faults, errors.New("option Dir is empty"))
	}
	if o.Host == nil {
		faults = append(faults, errors.New("option Host is nil"))
	}
	o = o.defaults()
	if o.Heartbeat < 10*time.Millisecond {
		faults = append(faults, fmt.Errorf("option Heartbeat is %v, below 10ms", o.Heartbeat))
	}
	if o.BatchOps < 0 || o.InFlight < 0 || o.QueueOps < 0 || o.SegmentBytes < 0 || o.CacheBytes < 0 || o.MinFree < 0 {
		faults = append(faults, errors.New("a size option is negative"))
	}
	if o.InFlight > pinset.ClientWindow/2 {
		faults = append(faults, fmt.Errorf("option InFlight is %d, above %d", o.InFlight, pinset.ClientWindow/2))
	}
	return o, errors.Join(faults...)
}

// defaults returns o with the zero values replaced.
func (o Options) defaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Fatal == nil {
		o.Fatal = func(err error) { panic(err) }
	}
	if o.Slot == nil {
		o.Slot = func(MemberRecord) string { return "" }
	}
	if o.Gone == nil {
		o.Gone = func(context.Context, MemberRecord) error { return errCannotTell }
	}
	if o.Outside == nil {
		o.Outside = func() error { return nil }
	}
	o.Observe = o.Observe.filled()
	setDefault(&o.Heartbeat, time.Second)
	setDefault(&o.CommitTimeout, 20*time.Second)
	setDefault(&o.Stabilization, 10*time.Second)
	setDefault(&o.SnapshotInterval, 2*time.Minute)
	setDefault(&o.BatchOps, 512)
	setDefault(&o.InFlight, 2)
	setDefault(&o.QueueOps, 32768)
	setDefault(&o.SnapshotEntries, 16384)
	setDefault(&o.TrailingEntries, 8192)
	setDefault(&o.SegmentBytes, 64<<20)
	setDefault(&o.CacheBytes, 32<<20)
	setDefault(&o.MinFree, 64<<20)
	if o.freeBytes == nil {
		o.freeBytes = freeBytes
	}
	return o
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
