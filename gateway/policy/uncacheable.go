package policy

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const noStore = "no-store"

// errorLife is the longest that an error may ask to be kept.
const errorLife = time.Minute

// Uncacheable keeps caches from holding on to errors, whoever made them: an answer that is neither a success nor a
// redirection, nor "not modified", is not to be stored, or for a minute at most if it asks for that itself. What was said
// of the content that is not there goes: its tag, when it was changed, when it expires.
//
// The page that a website has for what it does not have (its _redirects file says so) is content like its other pages. It
// keeps its tag, and under a CID it may be kept for ever, unless a block could not be read: then the path may well exist.
//
// An answer that fails in its middle is cut off, or a cache would take it for the whole: boxo ends a CAR or TAR as if it
// were complete. The backend must be made by [Policy.Backend] and [Policy.Blocks], which say so.
//
// It stands outside of all that can make an error.
func Uncacheable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u := &uncacheableErrors{ResponseWriter: w}
		next.ServeHTTP(u, r.WithContext(u.within(r.Context())))
		u.end()
	})
}

type uncacheableErrors struct {
	http.ResponseWriter
	outcome
	begun bool
}

// end fails an answer of which a part is missing.
func (w *uncacheableErrors) end() {
	switch {
	case !w.failed.Load():
	case w.begun:
		w.Flush()                   // or a client would take it for a connection that was closed before, and ask again
		panic(http.ErrAbortHandler) // the server's way to cut a connection, or a stream of it
	default:
		http.Error(w, "the content could not be read", http.StatusInternalServerError)
	}
}

// WriteHeader implements http.ResponseWriter.
func (w *uncacheableErrors) WriteHeader(status int) {
	if !w.begun && status >= http.StatusBadRequest {
		bound(w.Header(), isOwnPage(status, w.Header()) && !w.lacked.Load())
	}
	w.begun = w.begun || status >= http.StatusOK
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *uncacheableErrors) Write(p []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(p)
}

// ReadFrom implements io.ReaderFrom.
func (w *uncacheableErrors) ReadFrom(r io.Reader) (int64, error) {
	w.begun = true
	return io.Copy(w.ResponseWriter, r)
}

// Flush implements http.Flusher.
func (w *uncacheableErrors) Flush() {
	w.begun = true
	// The only fault would be a connection that cannot, or that is cut, as the next write tells.
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap is for http.ResponseController.
func (w *uncacheableErrors) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// isOwnPage tells whether an error is a page of the website. The gateway's own errors have no tag.
func isOwnPage(status int, h http.Header) bool {
	switch status {
	case http.StatusNotFound, http.StatusGone, http.StatusUnavailableForLegalReasons: // as the specification of _redirects has them
		return h.Get("Etag") != "" && strings.HasPrefix(h.Get("Content-Type"), "text/html")
	}
	return false
}

// bound changes what an error tells caches.
func bound(h http.Header, ownPage bool) {
	said := h.Get("Cache-Control")
	if ownPage && strings.Contains(said, "immutable") {
		return
	}
	for _, name := range []string{"Etag", "Last-Modified", "Expires", "Surrogate-Control", "Cdn-Cache-Control"} {
		if !ownPage || name != "Etag" {
			h.Del(name)
		}
	}
	life, ok := maxAge(said)
	switch {
	case !ok:
		h.Set("Cache-Control", noStore)
	case life > errorLife:
		h.Set("Cache-Control", "public, max-age="+strconv.Itoa(int(errorLife.Seconds())))
	}
}

// maxAge is for how long an answer may be kept, if it says so and nothing else.
func maxAge(cacheControl string) (life time.Duration, ok bool) {
	for directive := range strings.SplitSeq(cacheControl, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "public", "private", "":
		case "max-age":
			seconds, err := strconv.ParseUint(value, 10, 31)
			if err != nil {
				return 0, false
			}
			life, ok = time.Duration(seconds)*time.Second, true
		default: // immutable and the like are for content; the others forbid to keep it
			return 0, false
		}
	}
	return life, ok
}
