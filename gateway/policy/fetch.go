package policy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

const (
	// fetchTimeout bounds a fetch.
	fetchTimeout = 5 * time.Minute
	// maxRedirects bounds how far a list may be from its URL.
	maxRedirects = 5
)

var (
	errTooLarge = errors.New("larger than the most")
	errInsecure = errors.New("redirected from https to something else")
)

// newClient makes a client that never leaves https once it is there.
func newClient() *http.Client {
	return &http.Client{
		Timeout: fetchTimeout,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			switch {
			case len(via) > maxRedirects:
				return fmt.Errorf("more than %d redirects", maxRedirects)
			case via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https":
				return errInsecure
			}
			return nil
		},
	}
}

// tag is by what a server knows a version of a list.
type tag struct {
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
}

// fetch gets a list unless it is still the one with the tag, for which data is nil. An answer that ends early is an
// error.
func fetch(ctx context.Context, client *http.Client, url string, known tag, limit int64) (data []byte, now tag, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, now, err
	}
	if known.ETag != "" {
		req.Header.Set("If-None-Match", known.ETag)
	}
	if known.LastModified != "" {
		req.Header.Set("If-Modified-Since", known.LastModified)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, now, err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotModified && known != (tag{}):
		return nil, known, nil
	case resp.StatusCode != http.StatusOK:
		return nil, now, fmt.Errorf("the server answers %s", resp.Status)
	}
	data, err = readAll(resp.Body, limit)
	if err != nil {
		return nil, now, err
	}
	if len(data) == 0 || data[len(data)-1] != '\n' {
		return nil, now, fmt.Errorf("%w: its last line has no end, so there may be more", io.ErrUnexpectedEOF)
	}
	return data, tag{resp.Header.Get("ETag"), resp.Header.Get("Last-Modified")}, nil
}

// readAll reads a list of limit bytes at most.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%w of %d bytes", errTooLarge, limit)
	}
	return data, err
}

// readBounded reads a list from a file.
func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, maxListBytes)
}
