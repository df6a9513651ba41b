package pinset

import "errors"

var (
	// ErrClosed: the state is closed or closing.
	ErrClosed = errors.New("consensus is closed")
	// ErrInvalid: an operation or query cannot be represented. Nothing was
	// changed.
	ErrInvalid = errors.New("invalid operation")
	// ErrCorrupt: stored or received bytes fail their checks.
	ErrCorrupt = errors.New("corrupt data")
	// ErrConflict is the result of an operation whose condition did not hold.
	ErrConflict = errors.New("what was to be changed has changed meanwhile")
	// ErrNotApplied is the result of a sound operation of an atomic call that
	// failed because of another one.
	ErrNotApplied = errors.New("not applied, because another operation of the same call failed")
	// ErrOverPins is the result of a pin for which its account has no room.
	ErrOverPins = errors.New("the account has as many pins as it may")
	// ErrOverBytes is the result of a pin whose bytes are too many for its account.
	ErrOverBytes = errors.New("the account has no room for so many bytes")
)
