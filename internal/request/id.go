package request

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
)

// Header names a request: in itself, in its answer, and in the calls between peers that it leads to.
const Header = "X-Request-Id"

// maxID bounds the length of an identity.
const maxID = 128

type idKey struct{}

// ID is the identity of the request that ctx belongs to; empty if there is none.
func ID(ctx context.Context) string {
	id, _ := ctx.Value(idKey{}).(string)
	return id
}

// WithID makes ctx that of a request. What could not be an identity is ignored.
func WithID(ctx context.Context, id string) context.Context {
	if !valid(id) {
		return ctx
	}
	return context.WithValue(ctx, idKey{}, id)
}

// newID makes an identity that no other request has.
func newID() string { return rand.Text() }

// given is the identity with which a request came, if any.
func given(h http.Header) string {
	if id := h.Get(Header); valid(id) {
		return id
	}
	for part := range strings.SplitSeq(h.Get("X-Amzn-Trace-Id"), ";") {
		if id, ok := strings.CutPrefix(strings.TrimSpace(part), "Root="); ok && valid(id) {
			return id
		}
	}
	if parts := strings.Split(h.Get("Traceparent"), "-"); len(parts) >= 4 && len(parts[1]) == 32 && valid(parts[1]) {
		return parts[1]
	}
	return ""
}

// valid tells whether a text may stand in a log and in a header as it is.
func valid(id string) bool {
	if id == "" || len(id) > maxID {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', strings.IndexByte("-_.:=@/+", c) >= 0:
		default:
			return false
		}
	}
	return true
}
