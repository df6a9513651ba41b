package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/underlay/underlay/proxy/fault"
)

// command has one of kubo's commands answered for the client whose request ctx is of, as if that client had asked for it: where
// it runs, what it waits for and for whom it counts are the same. Whether the client may is found out before, by the
// path of the page.
func (c *Console) command(ctx context.Context, name string, options url.Values) ([]byte, error) {
	return c.send(ctx, name, options, "", http.NoBody)
}

// send is command with a body of some type.
func (c *Console) send(ctx context.Context, name string, options url.Values, kind string, body io.Reader) (answer []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "/api/v0/"+name+"?"+options.Encode(), body)
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", name, err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
		r.ContentLength = -1 // not known
	}
	kept := &reply{header: make(http.Header)}
	defer func() {
		if p := recover(); p == http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
			err = fault.With(http.StatusServiceUnavailable, fmt.Errorf("%s: the peer that answered has gone away", name))
		} else if p != nil {
			panic(p)
		}
	}()
	c.o.Commands.ServeHTTP(kept, r)
	if kept.status >= http.StatusMultipleChoices {
		return nil, fault.KuboOf(&http.Response{
			StatusCode: kept.status, Status: http.StatusText(kept.status), Body: io.NopCloser(&kept.body),
		})
	}
	if late := kept.header.Get(fault.StreamError); late != "" {
		return nil, errors.New(late)
	}
	return kept.body.Bytes(), nil
}

// reply is the answer to a command.
type reply struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (k *reply) Header() http.Header { return k.header }

// WriteHeader implements http.ResponseWriter.
func (k *reply) WriteHeader(status int) {
	if k.status == 0 {
		k.status = status
	}
}

// Write implements http.ResponseWriter.
func (k *reply) Write(p []byte) (int, error) {
	k.WriteHeader(http.StatusOK)
	return k.body.Write(p)
}

// Flush implements http.Flusher, which kubo looks for.
func (k *reply) Flush() { k.WriteHeader(http.StatusOK) }
