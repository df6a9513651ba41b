package gateway

import (
	"net/http"
	"strings"
)

// mendEtags adds what HTTP (RFC 9110) wants of Etags and boxo's handler leaves out: the Etag of an IPNS record stands in
// quotes, so that clients can send it back, and a 304 says which Etag it is for.
func mendEtags(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := r.Header.Values("If-None-Match")
		if len(asked) == 0 && r.URL.RawQuery == "" && !strings.Contains(r.Header.Get("Accept"), "ipns-record") {
			next.ServeHTTP(w, r) // nothing to mend, and nothing between it and the connection
			return
		}
		next.ServeHTTP(&etagWriter{ResponseWriter: w, known: knownEtags(asked)}, r)
	})
}

// knownEtags are the Etags of a condition, without the mark of weak ones.
func knownEtags(headers []string) (tags []string) {
	for tag := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		if tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/"); tag != "" {
			tags = append(tags, tag)
		}
	}
	return tags
}

type etagWriter struct {
	http.ResponseWriter
	known  []string // what the client has
	begun  bool
	silent bool // the body is known already
}

// WriteHeader implements http.ResponseWriter.
func (e *etagWriter) WriteHeader(status int) {
	if e.begun || status < http.StatusOK {
		e.ResponseWriter.WriteHeader(status)
		return
	}
	e.begun = true
	h := e.Header()
	if tag := h.Get("Etag"); tag != "" && !strings.HasSuffix(tag, `"`) {
		tag = `"` + tag + `"`
		h.Set("Etag", tag)
		for _, known := range e.known {
			e.silent = e.silent || known == tag
		}
	}
	if e.silent && status == http.StatusOK {
		status = http.StatusNotModified
		for _, name := range []string{"Content-Type", "Content-Length", "Content-Disposition"} {
			h.Del(name)
		}
	}
	if status == http.StatusNotModified && h.Get("Etag") == "" && len(e.known) == 1 && e.known[0] != "*" {
		h.Set("Etag", e.known[0]) // the only one that it can be
	}
	e.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (e *etagWriter) Write(b []byte) (int, error) {
	if !e.begun {
		e.WriteHeader(http.StatusOK)
	}
	if e.silent {
		return len(b), nil
	}
	return e.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (e *etagWriter) Unwrap() http.ResponseWriter { return e.ResponseWriter }
