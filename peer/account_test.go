package peer

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/underlay/underlay/consensus"
)

// tripper answers a request with what a handler makes of it.
type tripper struct{ http.Handler }

func (t tripper) RoundTrip(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	t.ServeHTTP(w, req)
	return w.Result(), nil
}

// The account of a request comes with it to another member, with all of its limits; what a client has sent under that name
// does not.
func TestAccountGoesAlong(t *testing.T) {
	var got consensus.Account
	var counts bool
	member := accountTransport{tripper{FromMembers(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got, counts = consensus.AccountOf(r.Context())
		if r.Header.Get(accountHeader) != "" {
			t.Error("the header has come through")
		}
	}))}}
	want := consensus.Account{Name: "user a&b=ü", MaxPins: 5, MaxBytes: 1 << 60}
	for name, account := range map[string]*consensus.Account{"one with a quota": &want, "one without": nil} {
		req := httptest.NewRequest(http.MethodPost, "http://peer/pins/x", nil)
		req.Header.Set(accountHeader, "name=somebody&pins=0&bytes=0")
		if account != nil {
			req = req.WithContext(consensus.WithAccount(req.Context(), *account))
		}
		got, counts = consensus.Account{}, false
		resp, err := member.RoundTrip(req)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp, err)
		}
		if counts != (account != nil) || account != nil && got != *account {
			t.Errorf("%s: pins count for %+v, %v", name, got, counts)
		}
		if req.Header.Get(accountHeader) == "" {
			t.Errorf("%s: the client's own request was changed", name)
		}
	}
	for _, sent := range []string{"name=a&pins=x&bytes=1", "name=a", "%zz"} {
		req := httptest.NewRequest(http.MethodPost, "/pins/x", nil)
		req.Header.Set(accountHeader, sent)
		if resp, _ := (tripper{FromMembers(http.NotFoundHandler())}).RoundTrip(req); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%q is answered %d", sent, resp.StatusCode)
		}
	}
}
