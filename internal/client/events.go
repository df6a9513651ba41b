package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Event is one thing that happened in the cluster.
type Event struct {
	Index  uint64    `json:"index"`
	Type   string    `json:"type"` // pinned, unpinned, status or membership
	Cid    string    `json:"cid"`
	Name   string    `json:"name"`
	Peer   string    `json:"peer"`
	Status string    `json:"status"`
	At     time.Time `json:"at"`
}

// Events follows what happens after an index, or from now on if since is nil, until ctx ends or the connection does. f
// gets each event as it was sent, too.
func (c *Client) Events(ctx context.Context, since *uint64, f func(e Event, raw []byte) error) error {
	query := url.Values{}
	if since != nil {
		query.Set("since", strconv.FormatUint(*since, 10))
	}
	req, err := c.request(ctx, http.MethodGet, "/events", query)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := c.send(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return c.readEvents(resp, f)
}

// readEvents parses server-sent events: the lines of an event that begin with data, joined, up to an empty line. What
// else they hold is in the data, too.
func (c *Client) readEvents(resp *http.Response, f func(Event, []byte) error) error {
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	var data []byte
	for lines.Scan() {
		field, value, _ := bytes.Cut(lines.Bytes(), []byte(":"))
		switch {
		case len(lines.Bytes()) == 0 && len(data) > 0:
			var e Event
			if err := json.Unmarshal(data, &e); err != nil {
				return fmt.Errorf("read an event of %s: %w", c.URL(), err)
			}
			if err := f(e, bytes.TrimSpace(data)); err != nil {
				return err
			}
			data = data[:0]
		case string(field) == "data":
			data = append(append(data, bytes.TrimPrefix(value, []byte(" "))...), '\n')
		}
	}
	if err := lines.Err(); err != nil {
		if cause := context.Cause(resp.Request.Context()); cause != nil {
			err = cause
		}
		return fmt.Errorf("%w: the events were cut off: %w", ErrCutOff, err)
	}
	return fmt.Errorf("%w: the events ended", ErrCutOff)
}
