package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Error is an answer that is not a success, with the peer's own words.
type Error struct {
	Status  int
	Message string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("the peer answers %d %s", e.Status, http.StatusText(e.Status))
	}
	return e.Message
}

var (
	// ErrUnreachable says that no answer came, or not all of it.
	ErrUnreachable = errors.New("the API cannot be reached")
	// ErrCutOff is the ErrUnreachable of an answer that had begun.
	ErrCutOff = fmt.Errorf("%w any more", ErrUnreachable)
)

const (
	streamError = "X-Stream-Error" // the trailer that tells of a fault after the first line
	maxFault    = 64 << 10         // bytes of an error's text that are read
	maxLine     = 16 << 20         // bytes of a line of a stream
)

// send carries out a request. An answer that is not a success becomes an [*Error]; the caller closes any other.
func (c *Client) send(req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		if cause := context.Cause(req.Context()); cause != nil {
			err = cause
		}
		var fault *url.Error // whose text repeats method and URL
		if errors.As(err, &fault) {
			err = fault.Err
		}
		return nil, fmt.Errorf("%w at %s: %w", ErrUnreachable, c.URL(), err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxFault))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w: %w", c.URL(), ErrUnreachable, err)
	}
	fault := &Error{Status: resp.StatusCode}
	if json.Unmarshal(raw, fault) != nil { // the status in the body is called code
		fault.Message = strings.TrimSpace(string(raw))
	}
	return nil, fault
}

// call asks for one object and decodes it into answer, unless that is nil or the answer is empty.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, answer any) error {
	req, err := c.request(ctx, method, path, query)
	if err != nil {
		return err
	}
	return c.decode(req, answer)
}

// callWith is call with a JSON body.
func (c *Client) callWith(ctx context.Context, method, path string, body, answer any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	req, err := c.request(ctx, method, path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	setBody(req, bytes.NewReader(raw), int64(len(raw)))
	return c.decode(req, answer)
}

// setBody gives a request a body; a size of -1 is unknown.
func setBody(req *http.Request, body io.Reader, size int64) {
	req.Body, req.ContentLength = io.NopCloser(body), size
}

func (c *Client) decode(req *http.Request, answer any) error {
	resp, err := c.send(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if answer == nil || resp.StatusCode == http.StatusNoContent {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
		return fmt.Errorf("read the answer of %s: %w", c.URL(), err)
	}
	return nil
}

// stream asks for lines of JSON and hands each to f, decoded, until f fails. A fault that the peer tells after the first
// line comes at the end.
func stream[T any](ctx context.Context, c *Client, method, path string, query url.Values, f func(T) error) error {
	return c.lines(ctx, method, path, query, func(line []byte) error {
		var item T
		if err := json.Unmarshal(line, &item); err != nil {
			return fmt.Errorf("read the answer of %s: %w", c.URL(), err)
		}
		return f(item)
	})
}

// lines is stream for lines as they are, which f must not keep.
func (c *Client) lines(ctx context.Context, method, path string, query url.Values, f func([]byte) error) error {
	req, err := c.request(ctx, method, path, query)
	if err != nil {
		return err
	}
	resp, err := c.send(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return eachLine(resp, f)
}

// eachLine reads an answer to its end, and then what its trailer says. A line that lacks its end is none.
func eachLine(resp *http.Response, f func([]byte) error) error {
	in := bufio.NewReaderSize(resp.Body, 64<<10)
	var long []byte // the part of a line that is longer than the buffer
	for {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull) && len(long) < maxLine:
			long = append(long, line...)
			continue
		case err != nil && (!errors.Is(err, io.EOF) || len(line)+len(long) > 0):
			if cause := context.Cause(resp.Request.Context()); cause != nil {
				err = cause
			}
			return fmt.Errorf("%w: the answer was cut off: %w", ErrCutOff, err)
		case err != nil:
			return trailer(resp)
		}
		if len(long) > 0 {
			line = append(long, line...)
			long = long[:0]
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if err := f(line); err != nil {
			return err
		}
	}
}

// trailer returns the faults that came behind the last line.
func trailer(resp *http.Response) error {
	var faults []error
	for _, text := range resp.Trailer.Values(streamError) {
		if text != "" {
			faults = append(faults, errors.New(text))
		}
	}
	return errors.Join(faults...)
}
