package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Status is how a peer stands with a pin, as IPFS Cluster calls it.
type Status string

// The statuses that mean something to the command line.
const (
	Pinned       Status = "pinned"
	Unpinned     Status = "unpinned"
	Remote       Status = "remote"  // others hold it
	Sharded      Status = "sharded" // others hold its parts
	ClusterError Status = "cluster_error"
)

// Failed tells whether something went wrong.
func (s Status) Failed() bool { return strings.HasSuffix(string(s), "error") }

// PeerStatus is how one peer stands with a pin.
type PeerStatus struct {
	Name   string    `json:"peername"`
	Status Status    `json:"status"`
	Since  time.Time `json:"timestamp"`
	Error  string    `json:"error"`
	Tries  int       `json:"attempt_count"`
	// Progress is what the peer has fetched so far, if it fetches the pin.
	Progress Progress `json:"progress"`
}

// Progress is what a peer has fetched of a pin since it began.
type Progress struct {
	Nodes int    `json:"nodes"`
	Bytes uint64 `json:"bytes"`
}

// PinStatus is how all peers stand with a pin. It has what the command line shows, and is written as JSON as it came:
// addresses are many, and slow to decode.
type PinStatus struct {
	Cid   string                `json:"cid"`
	Name  string                `json:"name"`
	Peers map[string]PeerStatus `json:"peer_map"` // by ID

	raw []byte
}

// MarshalJSON implements json.Marshaler.
func (s PinStatus) MarshalJSON() ([]byte, error) { return s.raw, nil }

// parseStatus keeps no reference to raw.
func (c *Client) parseStatus(raw []byte) (PinStatus, error) {
	var s PinStatus
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("read the answer of %s: %w", c.URL(), err)
	}
	s.raw = bytes.Clone(raw)
	return s, nil
}

func (c *Client) statusFrom(ctx context.Context, method, path string) (PinStatus, error) {
	var raw json.RawMessage
	if err := c.call(ctx, method, path, nil, &raw); err != nil {
		return PinStatus{}, err
	}
	return c.parseStatus(raw)
}

func (c *Client) statusesFrom(ctx context.Context, method, path string, query url.Values, f func(PinStatus) error) error {
	return c.lines(ctx, method, path, query, func(line []byte) error {
		s, err := c.parseStatus(line)
		if err != nil {
			return err
		}
		return f(s)
	})
}

// Status tells how every peer stands with a pin, also with one that there is not.
func (c *Client) Status(ctx context.Context, cid string) (PinStatus, error) {
	return c.statusFrom(ctx, http.MethodGet, "/pins/"+url.PathEscape(cid))
}

// statusBatch is how many CIDs one request asks for: their length in a URL is bounded.
const statusBatch = 100

// Statuses tells how every peer stands with some pins, in any order.
func (c *Client) Statuses(ctx context.Context, cids []string, f func(PinStatus) error) error {
	for len(cids) > 0 {
		n := min(len(cids), statusBatch)
		query := url.Values{"cids": {strings.Join(cids[:n], ",")}}
		if err := c.statusesFrom(ctx, http.MethodGet, "/pins", query, f); err != nil {
			return err
		}
		cids = cids[n:]
	}
	return nil
}

// StatusOptions choose among the statuses of all pins.
type StatusOptions struct {
	Selection
	Filter string // statuses by name, separated by commas; empty: all
	Stale  bool   // answer from what the peer knows, also without a leader
}

// StatusAll streams how every peer stands with all pins that the options choose.
func (c *Client) StatusAll(ctx context.Context, o StatusOptions, f func(PinStatus) error) error {
	query := o.query()
	if o.Filter != "" {
		query.Set("filter", o.Filter)
	}
	if o.Stale {
		query.Set("consistency", "stale")
	}
	return c.statusesFrom(ctx, http.MethodGet, "/pins", query, f)
}

// Recover has the peers try a pin again that is in error.
func (c *Client) Recover(ctx context.Context, cid string) (PinStatus, error) {
	return c.statusFrom(ctx, http.MethodPost, "/pins/"+url.PathEscape(cid)+"/recover")
}

// RecoverAll does so for all pins in error, and streams what it has tried.
func (c *Client) RecoverAll(ctx context.Context, f func(PinStatus) error) error {
	return c.statusesFrom(ctx, http.MethodPost, "/pins/recover", nil, f)
}
