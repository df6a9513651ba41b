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
	Values  int `json:"values"`
	Pins    int `json:"pins"`
	Removed int `json:"removed"`
}

// RestoreOptions say how to restore.
type RestoreOptions struct {
	Force    bool // replace what the cluster has
	PinsOnly bool // leave keys, names and settings as they are
}

// Restore sends a backup, or a stock export, to be restored.
func (c *Client) Restore(ctx context.Context, file io.Reader, o RestoreOptions) (Restored, error) {
	var done Restored
	req, err := c.request(ctx, http.MethodPost, "/restore", url.Values{
		"force": {strconv.FormatBool(o.Force)}, "pins-only": {strconv.FormatBool(o.PinsOnly)},
	})
	if err != nil {
		return done, err
	}
	setBody(req, file, -1)
	return done, c.decode(req, &done)
}
