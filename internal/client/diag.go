package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Diagnosis returns a peer's report on itself, an archive that the caller must check and close. With cpu above 0 the peer
// watches its processor for so long.
func (c *Client) Diagnosis(ctx context.Context, cpu time.Duration) (io.ReadCloser, error) {
	query := url.Values{}
	if cpu > 0 {
		query.Set("cpu", cpu.String())
	}
	req, err := c.request(ctx, http.MethodGet, "/debug/diag", query)
	if err != nil {
		return nil, err
	}
	resp, err := c.send(req)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}
