package rpc

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	cmds "github.com/ipfs/go-ipfs-cmds"

	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/upload"
)

// withAcks ends each answer only when what the command pinned is held by enough peers, and keeps back what must not be
// read before: see answer.
func withAcks(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pending := &acks{}
		defer pending.end()
		r = r.WithContext(context.WithValue(r.Context(), acksKey{}, pending))
		body := r.Body
		if body != http.NoBody {
			body = upload.Guard(w, r.Body, upload.Stall)
			r.Body = body
		}
		a := &answer{
			ResponseWriter: w, acks: pending, hold: !upload.Streams(r), upload: r.ContentLength != 0,
			connection: w.Header().Values("Connection"),
		}
		defer a.kept.Close()
		next.ServeHTTP(a, r)
		var err error
		if !a.failed() {
			err = pending.wait(r.Context())
		}
		a.finish(body, err)
	})
}

// answer is the response to one command. What the command writes goes out at once, except
//
//   - during an upload that comes, or may come, through a proxy; see upload.Streams;
//   - once the command has pinned something: the client must not read of a pin that is not acknowledged. In the middle of
//     an upload, though, the client may wait for a word on one file before it sends the next.
//
// If the cluster fails and nothing has gone out, the answer becomes an error in kubo's form with a status that says what
// to do. Otherwise the error goes into the trailer, where kubo's clients look for it.
type answer struct {
	http.ResponseWriter
	acks   *acks
	hold   bool // from the start
	upload bool // the client sends more than a question
	status int  // that the command has written; 0: none yet
	sent   bool // the header has gone out
	kept   upload.Backlog

	connection []string // that header before the command, of a server that drains
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.keeps() {
		return a.kept.Write(p)
	}
	a.sendHeader()
	return a.ResponseWriter.Write(p)
}

// Flush implements http.Flusher, which kubo looks for.
func (a *answer) Flush() {
	if a.keeps() {
		return
	}
	a.WriteHeader(http.StatusOK)
	a.sendHeader()
	_ = http.NewResponseController(a.ResponseWriter).Flush() // the client is gone if this fails
}

// Unwrap lets http.ResponseController reach what is below.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) keeps() bool {
	return a.hold || a.kept.Size() > 0 || !a.upload && a.acks.pending()
}

// failed tells that the command has answered with an error of its own.
func (a *answer) failed() bool {
	return a.status >= http.StatusBadRequest || a.Header().Get(fault.StreamError) != ""
}

// sendHeader turns kubo's 500 into the status that an error of the pinset deserves.
func (a *answer) sendHeader() {
	if a.sent || a.status == 0 {
		return
	}
	a.sent = true
	if refuse := a.acks.refusal(); a.status == http.StatusInternalServerError && refuse != 0 {
		a.status = refuse
	}
	if a.status == http.StatusServiceUnavailable {
		a.Header().Set("Retry-After", fault.RetryAfter)
	}
	a.ResponseWriter.WriteHeader(a.status)
}

// finish sends what was kept back, or the error in its place. unacknowledged is why the answer must not be taken for an
// acknowledgement.
func (a *answer) finish(body io.Reader, unacknowledged error) {
	late := a.Header().Get(fault.StreamError)
	status, text := a.acks.refusal(), late
	if unacknowledged != nil {
		status, text = fault.Status(unacknowledged), unacknowledged.Error()
	}
	switch {
	case a.sent && unacknowledged != nil:
		a.Header().Set(fault.StreamError, text)
	case a.sent:
		_, _ = a.kept.WriteTo(a.ResponseWriter) // the client is gone if this fails
	case text != "" && status != 0:
		a.sendError(status, text)
	default:
		a.Header().Del(fault.StreamError) // it is a trailer
		if a.hold && !a.failed() && upload.Drain(body) {
			a.Header()["Connection"] = a.connection // kubo sets it when it answers before the end of a request
		}
		a.sendHeader()
		_, _ = a.kept.WriteTo(a.ResponseWriter)
		if late != "" {
			a.Header().Set(fault.StreamError, late)
		}
	}
}

// sendError answers with an error in kubo's form.
func (a *answer) sendError(status int, text string) {
	for _, name := range []string{fault.StreamError, "X-Chunked-Output", "X-Stream-Output"} {
		a.Header().Del(name)
	}
	a.Header().Set("Content-Type", "application/json")
	a.status = status
	a.sendHeader()
	_ = json.NewEncoder(a.ResponseWriter).Encode(cmds.Errorf(cmds.ErrNormal, "%s", text)) // the client is gone if this fails
}
