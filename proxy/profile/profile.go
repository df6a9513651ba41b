// Package profile serves the profiles of Go's runtime under /debug/pprof/, for administrators. The command line of the process,
// which may hold secrets, is not among them.
package profile

import (
	"errors"
	"net/http"
	"net/http/pprof"

	"github.com/underlay/underlay/proxy/origin"
)

var errOtherSite = errors.New("a page of another site may not ask for this")

// Path is where the profiles are.
const Path = "/debug/pprof/"

// Handler serves the profiles. A page of another site cannot have a browser make one.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Path, pprof.Index) // and all that have a name
	mux.HandleFunc("GET "+Path+"profile", pprof.Profile)
	mux.HandleFunc("GET "+Path+"trace", pprof.Trace)
	mux.HandleFunc("GET "+Path+"symbol", pprof.Symbol)
	mux.HandleFunc("GET "+Path+"cmdline", http.NotFound)
	return OwnSite(mux)
}

// OwnSite refuses what a page of another site has a browser ask for.
func OwnSite(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := origin.Check(r)
		switch r.Header.Get("Sec-Fetch-Site") {
		case "", "none", "same-origin":
		default:
			err = errOtherSite
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
