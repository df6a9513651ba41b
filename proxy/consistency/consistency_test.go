package consistency

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The word of a request is taken from the query or a header, the query first, and the API behind does not see it in the query.
func TestWith(t *testing.T) {
	for _, c := range []struct {
		name, query, header string
		seen                string // of the query; empty: the request is refused
	}{
		{"nothing said", "a=1&b=%zz", "", "a=1&b=%zz"},
		{"stale", "a=1&consistency=stale", "", "a=1"},
		{"linearizable", "consistency=linearizable&a=1", "", "a=1"},
		{"stale in a header", "a=1", "stale", "a=1"},
		{"the query before the header", "a=1&consistency=stale", "nonsense", "a=1"},
		{"nonsense", "a=1&consistency=fresh", "", ""},
		{"nonsense in a header", "a=1", "fresh", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := ""
			h := With(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.URL.RawQuery }))
			r := httptest.NewRequest(http.MethodGet, "/pins?"+c.query, nil)
			if c.header != "" {
				r.Header.Set(header, c.header)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if seen != c.seen {
				t.Errorf("behind it the query is %q, want %q", seen, c.seen)
			}
			if c.seen == "" && (w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "consistency")) {
				t.Errorf("refused with %d, %s", w.Code, w.Body)
			}
		})
	}
}
