package diag

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// askPatience is how long an answer of the process's own API may take: without a leader some never come.
const askPatience = 5 * time.Second

// errAbsent is that an API has no such route.
var errAbsent = errors.New("there is no such route")

// Ask is a part that is what a handler answers to a request, "GET /health" for example. The headers come in pairs.
func Ask(name string, h http.Handler, request string, headers ...string) Part {
	method, url, _ := strings.Cut(request, " ")
	return Part{name, func(ctx context.Context, w io.Writer) error {
		r, err := http.NewRequestWithContext(ctx, method, url, nil)
		if err != nil {
			return err
		}
		r.RequestURI, r.RemoteAddr, r.Host = url, "127.0.0.1:0", "127.0.0.1"
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		a := &answer{to: w, header: make(http.Header)}
		h.ServeHTTP(a, r)
		switch {
		case a.status == http.StatusNotFound:
			return errAbsent
		case a.status >= 400:
			return fmt.Errorf("%s: status %d", request, a.status)
		}
		return ctx.Err()
	}, askPatience}
}

// answer is an http.ResponseWriter that keeps the body.
type answer struct {
	to     io.Writer
	header http.Header
	status int
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.to.Write(p)
}

// Flush implements http.Flusher, which kubo looks for.
func (a *answer) Flush() {}
