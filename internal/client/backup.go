package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// Backup returns the pinset in the form of a backup, which the caller must check and close.
func (c *Client) Backup(ctx context.Context) (io.ReadCloser, error) {
	req, err := c.request(ctx, http.MethodGet, "/backup", nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.send(req)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// Restored counts what a restore has done.
type Restored struct {
	Pins    int `json:"pins"`
	Removed int `json:"removed"`
}

// Restore sends a backup, or a stock export, to be restored. force replaces the pins that the cluster has.
func (c *Client) Restore(ctx context.Context, file io.Reader, force bool) (Restored, error) {
	var done Restored
	req, err := c.request(ctx, http.MethodPost, "/restore", url.Values{"force": {strconv.FormatBool(force)}})
	if err != nil {
		return done, err
	}
	setBody(req, file, -1)
	return done, c.decode(req, &done)
}
