package access

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	cmds "github.com/ipfs/go-ipfs-cmds"
)

// refusal is why a request does not pass. It is an error with a status.
type refusal struct {
	status int
	text   string
	wait   time.Duration // after which another try makes sense
	kubo   bool          // to be said in kubo's own words
}

func (f *refusal) Error() string { return f.text }

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, text: fmt.Sprintf(format, args...)}
}

// unavailableWait is how long a client should wait that met a peer without a leader.
const unavailableWait = time.Second

func unavailable(err error) *refusal {
	f := refuse(http.StatusServiceUnavailable, "this peer cannot tell whether the credential still holds: %s", err)
	f.wait = unavailableWait
	return f
}

func tooMany(wait time.Duration) *refusal {
	f := refuse(http.StatusTooManyRequests, "too many wrong credentials have come from this address; wait a little")
	f.wait = wait
	return f
}

// Dialect writes an error as the clients of an API expect it.
type Dialect func(w http.ResponseWriter, r *http.Request, status int, text string)

// Private is the dialect of the private listeners, where several APIs are.
func Private(w http.ResponseWriter, r *http.Request, status int, text string) {
	switch {
	case strings.HasPrefix(r.URL.Path, apiPath):
		writeJSON(w, status, cmds.Errorf(cmds.ErrNormal, "%s", text))
	case strings.HasPrefix(r.URL.Path, "/psa/"):
		Pinning(w, r, status, text)
	default:
		writeJSON(w, status, api.Error{Code: status, Message: text})
	}
}

// Pinning is the dialect of the pinning service API.
func Pinning(w http.ResponseWriter, _ *http.Request, status int, text string) {
	reason := strings.ToUpper(strings.ReplaceAll(http.StatusText(status), " ", "_"))
	writeJSON(w, status, map[string]any{"error": map[string]string{"reason": reason, "details": text}})
}

// refuse answers a request that does not pass.
func (d Dialect) refuse(w http.ResponseWriter, r *http.Request, f *refusal) {
	if f.wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(f.wait.Seconds()))))
	}
	if f.status == http.StatusUnauthorized {
		w.Header()["Www-Authenticate"] = []string{`Bearer realm="underlay"`, `Basic realm="underlay", charset="UTF-8"`}
	}
	if f.kubo {
		http.Error(w, f.text, f.status)
		return
	}
	d(w, r, f.status, f.text)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) //nolint:errcheck // the client has gone; nobody is left to tell
}
