package consistency

import (
	"fmt"
	"net/http"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/proxy/fault"
)

// Every read of the pinset sees what was acknowledged anywhere before it, unless the request says that it does not need
// that, in the query or in a header: then it is answered from what this peer knows, also without a leader.
const (
	parameter = "consistency"
	header    = "X-Consistency"
)

// With applies what the request says of the consistency it needs. The parameter is taken out of the query,
// which belongs to the API behind.
func With(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		level := Of(r)
		switch level {
		case "", "linearizable":
		case "stale":
			r = r.WithContext(consensus.WithStale(r.Context()))
		default:
			fault.WriteREST(w, http.StatusBadRequest, fmt.Errorf("parameter %s invalid: %q is neither linearizable nor stale", parameter, level))
			return
		}
		if query.Has(parameter) {
			query.Del(parameter)
			url := *r.URL
			url.RawQuery = query.Encode()
			r = r.Clone(r.Context())
			r.URL = &url
		}
		next.ServeHTTP(w, r)
	})
}

// Of is what the request says of the consistency it needs; it may be nonsense.
func Of(r *http.Request) string {
	if level := r.URL.Query().Get(parameter); level != "" {
		return level
	}
	return r.Header.Get(header)
}
