package upload

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

const (
	// Stall is how long an upload may stand still. It may hold the node's pin lock, behind which a garbage collection
	// waits, so it must end.
	Stall = time.Minute
	// drainLimit bounds what is read of a request after its command has ended.
	drainLimit = 64 << 10
)

// body is the body of a request, which ends with an error when the client sends nothing for a while.
type body struct {
	io.ReadCloser
	conn  *http.ResponseController
	stall time.Duration
}

// Guard makes the body of a request whose answer w is end when nothing comes for the time of stall.
func Guard(w http.ResponseWriter, from io.ReadCloser, stall time.Duration) io.ReadCloser {
	return &body{ReadCloser: from, conn: http.NewResponseController(w), stall: stall}
}

// Read implements io.Reader.
func (u *body) Read(p []byte) (int, error) {
	_ = u.conn.SetReadDeadline(time.Now().Add(u.stall)) // fails when the connection is gone
	n, err := u.ReadCloser.Read(p)
	if err == nil {
		return n, nil
	}
	_ = u.conn.SetReadDeadline(time.Time{})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("the client has sent nothing for %s: %w", u.stall, err)
	}
	return n, err
}

// Drain reads the little that is left of a body, and tells whether that was the end.
func Drain(body io.Reader) bool {
	n, err := io.CopyN(io.Discard, body, drainLimit)
	return n < drainLimit && errors.Is(err, io.EOF)
}
