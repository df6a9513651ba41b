package proxy

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

// RetryAfter is retryAfterSeconds for the APIs in packages of their own.
const RetryAfter = retryAfterSeconds

// ErrorStatus is errorStatus for the APIs in packages of their own.
func ErrorStatus(err error) int { return errorStatus(err) }

// retryAfterSeconds is the Retry-After of every 503: long enough for an election, short enough not to be noticed.
const retryAfterSeconds = "1"

// fault is an error whose HTTP status is known where it arises.
type fault struct {
	status int
	err    error
}

func (f *fault) Error() string   { return f.err.Error() }
func (f *fault) Unwrap() error   { return f.err }
func (f *fault) HTTPStatus() int { return f.status }

// withStatus attaches an HTTP status to err without changing its text.
func withStatus(status int, err error) error { return &fault{status, err} }

// errorStatus is the one place that maps an error to an HTTP status. First comes what the error itself knows (an
// error in its chain with a method HTTPStatus() int), then the sentinels of consensus and of the libraries. All else
// is 500.
func errorStatus(err error) int {
	if known, ok := errors.AsType[interface {
		error
		HTTPStatus() int
	}](err); ok {
		return known.HTTPStatus()
	}
	switch {
	case isUnavailable(err):
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

// isUnavailable tells errors after which the same request may succeed on another peer, or here a little later.
func isUnavailable(err error) bool {
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
