package consensus

import "errors"

var (
	// ErrNoLeader: no leader was found in time. Nothing was changed.
	ErrNoLeader = errors.New("the cluster has no leader")
	// ErrUnknownOutcome: the operations were proposed, and this peer could not
	// learn in time whether they were committed.
	ErrUnknownOutcome = errors.New("outcome of the operation is unknown")
	// ErrOverloaded: this peer's bounded queue of operations is full. Nothing
	// was changed.
	ErrOverloaded = errors.New("too many operations are waiting")
	// ErrClosed: this peer's consensus is closed or closing.
	ErrClosed = errors.New("consensus is closed")
	// ErrInvalid: an operation cannot be represented in the log. Nothing was
	// changed.
	ErrInvalid = errors.New("invalid operation")
	// ErrHasState: this peer already belongs to a cluster.
	ErrHasState = errors.New("consensus state exists already")
	// ErrNotMember: this peer is not, or not yet, a member of the cluster.
	ErrNotMember = errors.New("this peer is not a member of the cluster")
	// ErrCorrupt: stored or received bytes fail their checks.
	ErrCorrupt = errors.New("corrupt data")
)
