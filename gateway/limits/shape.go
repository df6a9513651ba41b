package limits

import (
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"
)

// How long a client may take to send a body. Nothing that the gateway is asked needs a large one, and one that is refused
// is waited for only so that the client is not cut off before it has read why.
const (
	bodyTimeout    = 10 * time.Second
	refusedTimeout = 500 * time.Millisecond
)

// shape is what a request may look like.
type shape struct{ pathLength, pathDepth int }

// check returns why the request is refused by its looks, or nil.
func (s shape) check(r *http.Request) *refusal {
	switch {
	case len(r.RequestURI) > s.pathLength:
		return &refusal{kind: KindShape, status: http.StatusRequestURITooLong, reason: fmt.Sprintf("The address is longer than the %d bytes that this gateway reads.", s.pathLength)}
	case strings.Count(r.URL.Path, "/") > s.pathDepth:
		return &refusal{kind: KindShape, status: http.StatusBadRequest, reason: fmt.Sprintf("The path has more than the %d parts that this gateway follows.", s.pathDepth)}
	case reads(r) && r.ContentLength != 0:
		return &refusal{kind: KindShape, status: http.StatusBadRequest, reason: "A " + r.Method + " request has no body here.", last: true}
	case reads(r) && unknownFormat(r):
		return &refusal{kind: KindShape, status: http.StatusBadRequest, reason: "The Accept header asks for a format that this gateway does not know."}
	}
	return nil
}

// unknownFormat tells a media type that the content handler would take for a response format, find unknown and, before it
// says so, remember for ever as a label of its metrics.
func unknownFormat(r *http.Request) bool {
	for _, header := range r.Header["Accept"] {
		for value := range strings.SplitSeq(header, ",") {
			value = strings.TrimSpace(value)
			if !namesFormat(value) {
				continue
			}
			name, _, err := mime.ParseMediaType(value)
			return err == nil && !knownFormat(name)
		}
	}
	return false
}

func namesFormat(accept string) bool {
	for _, prefix := range []string{"application/vnd.ipld", "application/vnd.ipfs", "application/x-tar", "application/json", "application/cbor"} {
		if strings.HasPrefix(accept, prefix) {
			return true
		}
	}
	return false
}

func knownFormat(name string) bool {
	switch name {
	case "application/vnd.ipld.raw", "application/vnd.ipld.car", "application/vnd.ipld.dag-json", "application/vnd.ipld.dag-cbor",
		"application/vnd.ipfs.ipns-record", "application/x-tar", "application/json", "application/cbor":
		return true
	}
	return false
}

// boundBody has a body that is too slow fail, also when nobody but the server reads it.
func boundBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		return
	}
	wait := bodyTimeout
	if reads(r) {
		wait = refusedTimeout
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(wait)) // what has no deadlines is no connection to hold up
}

func reads(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }
