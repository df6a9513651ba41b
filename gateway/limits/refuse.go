package limits

import (
	"io"
	"math"
	"net/http"
	"strconv"
	"time"
)

// Refuse answers a request with a status and a reason for people. The headers that concern caches are set already.
type Refuse func(w http.ResponseWriter, r *http.Request, status int, reason string)

// Plain refuses in plain text.
func Plain(w http.ResponseWriter, r *http.Request, status int, reason string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		io.WriteString(w, reason+"\n") //nolint:errcheck // the client has gone; nobody is left to tell
	}
}

// Kind is one of a few words for why a request was refused, for those who count.
type Kind string

// The kinds of refusals.
const (
	KindShape    Kind = "shape"    // of the request
	KindRate     Kind = "rate"     // of a client
	KindClient   Kind = "client"   // has too many requests in progress
	KindFull     Kind = "full"     // no place is left
	KindYields   Kind = "yields"   // to others, since nothing came
	KindDuration Kind = "duration" // of the answer
	KindStalled  Kind = "stalled"  // no content came
	KindSize     Kind = "size"     // of the answer
	KindBroken   Kind = "broken"   // content, in the middle of the answer
)

// Kinds lists them.
func Kinds() []Kind {
	return []Kind{KindShape, KindRate, KindClient, KindFull, KindYields, KindDuration, KindStalled, KindSize, KindBroken}
}

// refusal is why a request is not answered, or not further.
type refusal struct {
	kind   Kind
	status int
	reason string
	retry  time.Duration // when to come again; 0: do not
	last   bool          // nothing more is read from the connection
}

// Error implements error.
func (f *refusal) Error() string { return f.reason }

// nobody counts.
func nobody(Kind) {}

// tell answers with the refusal, which no cache may keep.
func (f *refusal) tell(refuse Refuse, w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for _, ofContent := range []string{"Content-Length", "Content-Encoding", "Content-Disposition", "Content-Location", "Etag", "Last-Modified", "X-Ipfs-Roots"} {
		h.Del(ofContent)
	}
	h.Set("Cache-Control", "no-store")
	if f.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.retry.Seconds()))))
	}
	if f.last {
		h.Set("Connection", "close")
	}
	refuse(w, r, f.status, f.reason)
}
