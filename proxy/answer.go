package proxy

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"

	cmds "github.com/ipfs/go-ipfs-cmds"
)

// streamError is the trailer by which kubo reports an error after the first byte of an answer.
const streamError = "X-Stream-Error"

// withAcks ends each answer only when what the command pinned is held by enough peers, and keeps back what must not be
// read before: see answer.
func withAcks(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pending := &acks{}
		defer pending.end()
		r = r.WithContext(context.WithValue(r.Context(), acksKey{}, pending))
		body := r.Body
		if body != http.NoBody {
			body = &upload{ReadCloser: r.Body, conn: http.NewResponseController(w), stall: uploadStall}
			r.Body = body
		}
		a := &answer{
			ResponseWriter: w, acks: pending, hold: !streams(r), upload: r.ContentLength != 0,
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

// streams tells whether the output of a command may go out while the client still sends. An nginx that gets a part of an
// answer forwards nothing more of the request: the upload would stand still for ever, with the node's pin lock. So output
// is kept back during an upload, unless the client addresses this very socket and shows that it reads while it writes: it
// asks for progress, or does not know the length of what it sends, as kubo's own clients.
func streams(r *http.Request) bool {
	if r.ContentLength == 0 {
		return true
	}
	progress, _ := strconv.ParseBool(r.URL.Query().Get("progress")) // kubo refuses what is no truth value
	return (progress || r.ContentLength < 0) && direct(r)
}

// proxyHeaders are what a proxy on the way adds to a request.
func proxyHeaders() []string { return []string{"Forwarded", "Via", "X-Forwarded-For", "X-Real-Ip"} }

// direct tells that no proxy stands between the client and this peer, as far as a request can show it.
func direct(r *http.Request) bool {
	for _, added := range proxyHeaders() {
		if r.Header.Get(added) != "" {
			return false
		}
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !r.ProtoAtLeast(1, 1) {
		return false
	}
	host, port, err := net.SplitHostPort(r.Host)
	if _, localPort, _ := net.SplitHostPort(local.String()); err != nil || port != localPort {
		return false
	}
	return local.IP.Equal(net.ParseIP(host)) || host == "localhost" && local.IP.IsLoopback()
}

// answer is the response to one command. What the command writes goes out at once, except
//
//   - during an upload that comes, or may come, through a proxy; see streams;
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
	kept   backlog

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
	return a.hold || a.kept.size > 0 || !a.upload && a.acks.pending()
}

// failed tells that the command has answered with an error of its own.
func (a *answer) failed() bool {
	return a.status >= http.StatusBadRequest || a.Header().Get(streamError) != ""
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
		a.Header().Set("Retry-After", retryAfterSeconds)
	}
	a.ResponseWriter.WriteHeader(a.status)
}

// finish sends what was kept back, or the error in its place. unacknowledged is why the answer must not be taken for an
// acknowledgement.
func (a *answer) finish(body io.Reader, unacknowledged error) {
	late := a.Header().Get(streamError)
	status, text := a.acks.refusal(), late
	if unacknowledged != nil {
		status, text = errorStatus(unacknowledged), unacknowledged.Error()
	}
	switch {
	case a.sent && unacknowledged != nil:
		a.Header().Set(streamError, text)
	case a.sent:
		_, _ = a.kept.WriteTo(a.ResponseWriter) // the client is gone if this fails
	case text != "" && status != 0:
		a.sendError(status, text)
	default:
		a.Header().Del(streamError) // it is a trailer
		if a.hold && !a.failed() && drain(body) {
			a.Header()["Connection"] = a.connection // kubo sets it when it answers before the end of a request
		}
		a.sendHeader()
		_, _ = a.kept.WriteTo(a.ResponseWriter)
		if late != "" {
			a.Header().Set(streamError, late)
		}
	}
}

// sendError answers with an error in kubo's form.
func (a *answer) sendError(status int, text string) {
	for _, name := range []string{streamError, "X-Chunked-Output", "X-Stream-Output"} {
		a.Header().Del(name)
	}
	a.Header().Set("Content-Type", "application/json")
	a.status = status
	a.sendHeader()
	_ = json.NewEncoder(a.ResponseWriter).Encode(cmds.Errorf(cmds.ErrNormal, "%s", text)) // the client is gone if this fails
}
