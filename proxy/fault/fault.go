package fault

import (
	"context"
	"errors"
	"net/http"

	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/ipfs/boxo/path"
	"github.com/ipfs/boxo/path/resolver"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/libp2p/go-libp2p/core/routing"

	"github.com/underlay/underlay/consensus"
)

// RetryAfter is the Retry-After of every 503: long enough for an election, short enough not to be noticed.
const RetryAfter = "1"

// StreamError is the trailer by which an error is reported after the first byte of an answer.
const StreamError = "X-Stream-Error"

// known is an error whose HTTP status is known where it arises.
type known struct {
	status int
	err    error
}

func (f *known) Error() string   { return f.err.Error() }
func (f *known) Unwrap() error   { return f.err }
func (f *known) HTTPStatus() int { return f.status }

// With attaches an HTTP status to err without changing its text.
func With(status int, err error) error { return &known{status, err} }

// Status is the one place that maps an error to an HTTP status. First comes what the error itself knows (an
// error in its chain with a method HTTPStatus() int), then the sentinels of consensus and of the libraries. All else
// is 500.
func Status(err error) int {
	if own, ok := errors.AsType[interface {
		error
		HTTPStatus() int
	}](err); ok {
		return own.HTTPStatus()
	}
	switch {
	case Unavailable(err):
		return http.StatusServiceUnavailable
	case errors.Is(err, consensus.ErrUnknownOutcome):
		return http.StatusGatewayTimeout
	case errors.Is(err, consensus.ErrDiskFull):
		return http.StatusInsufficientStorage
	case errors.Is(err, consensus.ErrConflict):
		return http.StatusConflict
	case errors.Is(err, consensus.ErrInvalid):
		return http.StatusBadRequest
	case isAbsent(err):
		return http.StatusNotFound
	case errors.Is(err, &path.ErrInvalidPath{}):
		return http.StatusBadRequest
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	case errors.Is(err, context.Canceled):
		// Either the client left and sees no status, or this peer stops and another one can answer.
		return http.StatusServiceUnavailable
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusInternalServerError
}

// Unavailable tells errors after which the same request may succeed on another peer, or here a little later.
func Unavailable(err error) bool {
	for _, target := range []error{
		consensus.ErrNoLeader, consensus.ErrOverloaded, consensus.ErrClosed, consensus.ErrNotMember,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// isAbsent tells errors that say that what the client named does not exist.
func isAbsent(err error) bool {
	if errors.Is(err, state.ErrNotFound) || errors.Is(err, routing.ErrNotFound) || ipld.IsNotFound(err) {
		return true
	}
	_, noLink := errors.AsType[*resolver.ErrNoLink](err)
	return noLink
}
