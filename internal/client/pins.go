package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// target is the path under /pins of what a person names: a CID, or an IPFS path such as /ipfs/CID/a/b.
func target(name string) string {
	if !strings.HasPrefix(name, "/") {
		return "/pins/" + url.PathEscape(name)
	}
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return "/pins" + strings.Join(parts, "/")
}

// Pin pins a CID or an IPFS path. It returns when the pin is committed; status tells how far the peers are with it.
func (c *Client) Pin(ctx context.Context, name string, options url.Values) (api.Pin, error) {
	var pin api.Pin
	return pin, c.call(ctx, http.MethodPost, target(name), options, &pin)
}

// Unpin removes the pin of a CID or an IPFS path.
func (c *Client) Unpin(ctx context.Context, name string) (api.Pin, error) {
	var pin api.Pin
	return pin, c.call(ctx, http.MethodDelete, target(name), nil, &pin)
}

// Allocation returns one pin of the pinset.
func (c *Client) Allocation(ctx context.Context, cid string) (api.Pin, error) {
	var pin api.Pin
	return pin, c.call(ctx, http.MethodGet, "/allocations/"+url.PathEscape(cid), nil, &pin)
}

// Selection is a part of the pinset; of no fields, all of it.
type Selection struct {
	NamePrefix string
	Meta       map[string]string // metadata that pins have, with these values unless they are empty
}

func (s Selection) query() url.Values {
	query := url.Values{}
	if s.NamePrefix != "" {
		query.Set("name-prefix", s.NamePrefix)
	}
	for key, value := range s.Meta {
		query.Set("meta-"+key, value)
	}
	return query
}

// Allocations streams a part of the pinset.
func (c *Client) Allocations(ctx context.Context, s Selection, f func(api.Pin) error) error {
	return stream(ctx, c, http.MethodGet, "/allocations", s.query(), f)
}

// BulkResult is the answer to one line of a bulk request.
type BulkResult struct {
	Line   int    `json:"line"`
	Cid    string `json:"cid"`
	Status int    `json:"status"`
	Error  string `json:"error,omitempty"`
}

// Bulk sends changes, a JSON object a line, and hands f the answer of each while they go out.
func (c *Client) Bulk(ctx context.Context, changes io.Reader, f func(BulkResult) error) error {
	req, err := c.request(ctx, http.MethodPost, "/pins", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	setBody(req, changes, -1)
	resp, err := c.send(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return eachLine(resp, func(line []byte) error {
		var result BulkResult
		if err := json.Unmarshal(line, &result); err != nil {
			return fmt.Errorf("read the answer of %s: %w", c.URL(), err)
		}
		return f(result)
	})
}
