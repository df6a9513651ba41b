package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// TypeStart is the type of the first event of a stream, which says where it begins.
const TypeStart = "start"

// Event is one thing that happened in the cluster.
type Event struct {
	ID     string    `json:"id"` // where to go on behind it; empty if the event is not from the replicated log
	Index  uint64    `json:"index"`
	Type   string    `json:"type"` // start, pinned, unpinned, status or membership
	Cid    string    `json:"cid"`
	Name   string    `json:"name"`
	Peer   string    `json:"peer"`
	Status string    `json:"status"`
	Error  string    `json:"error"`
	At     time.Time `json:"at"`
}

// EventOptions choose events.
type EventOptions struct {
	Since string   // the ID of an event or the index of a log entry, to begin behind it; empty: now
	Types []string // empty: all
}

// Events follows what happens until ctx ends or the connection does, which is an [ErrCutOff]. f gets each event as it was
// sent, too.
func (c *Client) Events(ctx context.Context, o EventOptions, f func(e Event, raw []byte) error) error {
	query := url.Values{}
	if o.Since != "" {
		query.Set("since", o.Since)
	}
	if len(o.Types) > 0 {
		query.Set("type", strings.Join(o.Types, ","))
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
	if err := c.readEvents(resp.Body, f); err != nil {
		return err
	}
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%w: the events were cut off: %w", ErrCutOff, cause)
	}
	return fmt.Errorf("%w: the events ended", ErrCutOff)
}

// readEvents parses server-sent events: fields, one a line, up to an empty line. It returns nil when nothing more comes.
func (c *Client) readEvents(body io.Reader, f func(Event, []byte) error) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	var data []byte
	var kind string
	for lines.Scan() {
		field, value, _ := bytes.Cut(lines.Bytes(), []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch {
		case len(lines.Bytes()) == 0 && len(data) > 0:
			if err := c.event(kind, bytes.TrimSpace(data), f); err != nil {
				return err
			}
			data, kind = data[:0], ""
		case string(field) == "event":
			kind = string(value)
		case string(field) == "data":
			data = append(append(data, value...), '\n')
		}
	}
	return nil // an error of the connection is its end, too
}

// event hands over what one event says. The last one may say why no more can come.
func (c *Client) event(kind string, data []byte, f func(Event, []byte) error) error {
	if kind == "error" {
		var fault struct{ Message string }
		if json.Unmarshal(data, &fault) != nil {
			fault.Message = string(data)
		}
		return fmt.Errorf("%w: %s", ErrCutOff, fault.Message)
	}
	var e Event
	if err := json.Unmarshal(data, &e); err != nil {
		return fmt.Errorf("read an event of %s: %w", c.URL(), err)
	}
	return f(e, data)
}
