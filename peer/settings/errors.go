package settings

import "net/http"

// refusal is a change that is not allowed. Nothing was changed.
type refusal struct{ error }

// HTTPStatus tells the APIs how to answer.
func (refusal) HTTPStatus() int { return http.StatusForbidden }

// Unwrap returns the reason.
func (r refusal) Unwrap() error { return r.error }
