package access

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/underlay/underlay/consensus"
)

// What the consensus cannot do now is told with a status of its own, and when to try again.
func TestRefusalOf(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		retry  bool
	}{
		{consensus.ErrOverloaded, http.StatusServiceUnavailable, true},
		{consensus.ErrNoLeader, http.StatusServiceUnavailable, true},
		{consensus.ErrUnknownOutcome, http.StatusGatewayTimeout, false},
		{consensus.ErrDiskFull, http.StatusInsufficientStorage, false},
		{&http.MaxBytesError{Limit: 1}, http.StatusRequestEntityTooLarge, false},
		{errors.New("broken"), http.StatusInternalServerError, false},
	} {
		w := httptest.NewRecorder()
		Dialect(Private).refuse(w, httptest.NewRequest(http.MethodPost, "/access/tokens", nil), refusalOf(fmt.Errorf("commit: %w", c.err)))
		if w.Code != c.status || (w.Header().Get("Retry-After") != "") != c.retry {
			t.Errorf("%v: status %d, Retry-After %q", c.err, w.Code, w.Header().Get("Retry-After"))
		}
	}
}
