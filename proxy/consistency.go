package proxy

import (
	"fmt"
	"net/http"

	"github.com/underlay/underlay/consensus"
)

// Every read of the pinset sees what was acknowledged anywhere before it, unless the request says that it does not need
// that, in the query or in a header: then it is answered from what this peer knows, also without a leader.
const (
	consistencyParameter = "consistency"
	consistencyHeader    = "X-Consistency"
)

// withConsistency applies what the request says of the consistency it needs. The parameter is taken out of the query,
// which belongs to the API behind.
func withConsistency(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		level := consistencyOf(r)
		switch level {
		case "", "linearizable":
		case "stale":
			r = r.WithContext(consensus.WithStale(r.Context()))
		default:
			restError(w, http.StatusBadRequest, fmt.Errorf("parameter %s invalid: %q is neither linearizable nor stale", consistencyParameter, level))
			return
		}
		if query.Has(consistencyParameter) {
			query.Del(consistencyParameter)
			url := *r.URL
			url.RawQuery = query.Encode()
			r = r.Clone(r.Context())
			r.URL = &url
		}
		next.ServeHTTP(w, r)
	})
}

// consistencyOf is what the request says of the consistency it needs; it may be nonsense.
func consistencyOf(r *http.Request) string {
	if level := r.URL.Query().Get(consistencyParameter); level != "" {
		return level
	}
	return r.Header.Get(consistencyHeader)
}
