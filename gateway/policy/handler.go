package policy

import (
	"net/http"
	"strings"

	"github.com/ipfs/boxo/path"
)

// Wrap refuses requests for denied paths before anything is done for them. It stands where host names have become content
// paths, and before every cache. Refusals are written by refuse; nil means a plain text.
func (p *Policy) Wrap(next http.Handler, refuse func(w http.ResponseWriter, r *http.Request, v Verdict)) http.Handler {
	if refuse == nil {
		refuse = plainRefusal
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/ipfs/") || strings.HasPrefix(r.URL.Path, "/ipns/") {
			if v := p.request(r.URL.Path); v.Denied {
				p.refusals.Add(1)
				p.log.Debug("a request was refused", "path", r.URL.Path, "list", v.List, "rule", v.Rule)
				refuse(w, r, v)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// request judges the path of a request.
func (p *Policy) request(text string) Verdict {
	r := p.rules.Load()
	if len(r.lists) == 0 || r.paths.has(text) {
		return Verdict{}
	}
	of, err := path.NewPath(text)
	if err != nil {
		return Verdict{} // it leads nowhere, as will be said
	}
	return r.path(of)
}

// Message is what the public is told of a refusal.
func (v Verdict) Message() string {
	if v.Status == http.StatusUnavailableForLegalReasons {
		return "This content is not available from this gateway for legal reasons."
	}
	return "This content is not available from this gateway: its operators do not serve it."
}

func plainRefusal(w http.ResponseWriter, _ *http.Request, v Verdict) {
	w.Header().Set("Cache-Control", noStore)
	http.Error(w, v.Message(), v.Status)
}
