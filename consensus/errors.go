package consensus

import (
	"errors"

	"github.com/underlay/underlay/consensus/pinset"
)

var (
	// ErrNoLeader: no leader was found in time. Nothing was changed.
	ErrNoLeader = errors.New("the cluster has no leader")
	// ErrUnknownOutcome: the operations were proposed, and this peer could not
	// learn in time whether they were committed.
	ErrUnknownOutcome = errors.New("outcome of the operation is unknown")
	// ErrOverloaded: this peer's bounded queue of operations is full. Nothing
	// was changed.
	ErrOverloaded = errors.New("too many operations are waiting")
	// ErrDiskFull: this peer or the leader has too little free space. Nothing was
	// changed. Unpins pass a little longer than pins, so that space can be
	// regained.
	ErrDiskFull = errors.New("disk is full")
	// ErrClosed: this peer's consensus is closed or closing.
	ErrClosed = pinset.ErrClosed
	// ErrInvalid: an operation cannot be represented in the log. Nothing was
	// changed.
	ErrInvalid = pinset.ErrInvalid
	// ErrHasState: this peer already belongs to a cluster.
	ErrHasState = errors.New("consensus state exists already")
	// ErrNotMember: this peer is not, or not yet, a member of a cluster. Nothing was
	// changed.
	ErrNotMember = errors.New("not in a cluster")
	// ErrCorrupt: stored or received bytes fail their checks.
	ErrCorrupt = pinset.ErrCorrupt
	// ErrConflict is the result of an operation whose condition did not hold.
	ErrConflict = pinset.ErrConflict
	// ErrOverPins and ErrOverBytes: a pin had no room in its account. A QuotaError
	// tells more.
	ErrOverPins  = pinset.ErrOverPins
	ErrOverBytes = pinset.ErrOverBytes
	// ErrNotApplied is the result of a sound operation of an atomic call that
	// failed because of another one.
	ErrNotApplied = pinset.ErrNotApplied
)
