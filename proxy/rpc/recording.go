package rpc

import (
	"bytes"
	"maps"
	"net/http"

	"github.com/underlay/underlay/proxy/fault"
)

// recording is a short answer that is kept until it is known whether it may be given.
type recording struct {
	header  http.Header
	atStart http.Header // what it was when the body began
	status  int
	flushed bool
	body    bytes.Buffer
}

// record has a request answered into a recording.
func record(h http.Handler, r *http.Request) *recording {
	rec := &recording{header: make(http.Header)}
	h.ServeHTTP(rec, r)
	rec.WriteHeader(http.StatusOK)
	return rec
}

// Header implements http.ResponseWriter.
func (r *recording) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recording) WriteHeader(status int) {
	if r.status == 0 {
		r.status, r.atStart = status, r.header.Clone()
	}
}

// Write implements http.ResponseWriter.
func (r *recording) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

// Flush implements http.Flusher, which kubo looks for.
func (r *recording) Flush() {
	r.WriteHeader(http.StatusOK)
	r.flushed = true
}

// failed tells that the answer is an error.
func (r *recording) failed() bool {
	return r.status >= http.StatusBadRequest || r.header.Get(fault.StreamError) != ""
}

// replay gives the answer, with what came into the header after its start as trailers.
func (r *recording) replay(w http.ResponseWriter) {
	maps.Copy(w.Header(), r.atStart)
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body.Bytes()) // the client is gone if this fails
	if r.flushed {
		_ = http.NewResponseController(w).Flush()
	}
	for name, values := range r.header {
		if _, sent := r.atStart[name]; !sent {
			w.Header()[name] = values
		}
	}
}
