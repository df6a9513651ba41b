package psa

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/underlay/underlay/proxy/fault"
)

// failure is an error whose HTTP status is known where it arises.
type failure struct {
	status int
	error
}

// HTTPStatus tells how to answer.
func (f failure) HTTPStatus() int { return f.status }

// Unwrap returns the error without its status.
func (f failure) Unwrap() error { return f.error }

// badField is a failure of the client in one field of a body or parameter of a query, which the error names.
func badField(name, format string, args ...any) error {
	return failure{http.StatusBadRequest, fmt.Errorf("%s: %w", name, fmt.Errorf(format, args...))}
}

// Failure is the body of every answer that is not a success.
type Failure struct {
	Error FailureError `json:"error"`
}

// FailureError says what failed, for machines and for people.
type FailureError struct {
	Reason  string `json:"reason"`
	Details string `json:"details,omitempty"`
}

// Fail answers with a status and the API's error body. The reason is the name of the status, such as BAD_REQUEST. What
// guards the API, as one that asks for a token, refuses requests with it.
func Fail(w http.ResponseWriter, status int, details string) {
	switch status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", fault.RetryAfter)
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	reason := strings.ToUpper(strings.NewReplacer(" ", "_", "-", "_").Replace(http.StatusText(status)))
	reply(w, status, Failure{FailureError{Reason: reason, Details: details}})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.Encode(v) //nolint:errcheck // the client has gone; nobody is left to tell
}
