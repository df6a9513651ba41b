package peer

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/underlay/underlay/consensus"
)

// accountHeader tells the member to whom a request is passed on for whom its pins count.
const accountHeader = "X-Underlay-Account"

// accountTransport passes the account of a request's context on. What a client has sent under that name is not.
type accountTransport struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t accountTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	a, ok := consensus.AccountOf(req.Context())
	if ok || req.Header.Get(accountHeader) != "" {
		req = req.Clone(req.Context())
		req.Header.Del(accountHeader)
	}
	if ok {
		req.Header.Set(accountHeader, url.Values{
			"name": {a.Name}, "pins": {strconv.FormatUint(a.MaxPins, 10)}, "bytes": {strconv.FormatUint(a.MaxBytes, 10)},
		}.Encode())
	}
	return t.RoundTripper.RoundTrip(req)
}

// FromMembers serves requests of members, and nobody else's, with the account that came with them.
func FromMembers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sent := r.Header.Get(accountHeader); sent != "" {
			account, err := parseAccount(sent)
			if err != nil {
				http.Error(w, accountHeader+": "+err.Error(), http.StatusBadRequest)
				return
			}
			r = r.WithContext(consensus.WithAccount(r.Context(), account))
			r.Header.Del(accountHeader)
		}
		next.ServeHTTP(w, r)
	})
}

func parseAccount(sent string) (a consensus.Account, err error) {
	values, err := url.ParseQuery(sent)
	if err != nil {
		return a, err
	}
	a.Name = values.Get("name")
	pins, pinsErr := strconv.ParseUint(values.Get("pins"), 10, 64)
	bytes, bytesErr := strconv.ParseUint(values.Get("bytes"), 10, 64)
	a.MaxPins, a.MaxBytes = pins, bytes
	return a, errors.Join(pinsErr, bytesErr)
}
