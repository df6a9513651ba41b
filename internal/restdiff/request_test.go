package restdiff

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/underlay/underlay/internal/apidiff"
)

// request is an action: one HTTP request.
type request struct {
	method, path string   // the path as the route has it, for example /pins/{hash}
	place        string   // the path with its parts filled in; empty: as it is
	params       []string // name=value, in order
	headers      []string // pairs of name and value
	body         body
}

// rest is a request of a method and a path, written "GET /id", with parameters in the form name=value.
func rest(methodAndPath string, params ...string) step {
	method, path, _ := strings.Cut(methodAndPath, " ")
	return step{label: methodAndPath, action: request{method: method, path: path, params: params}}
}

// with gives a request its body.
func (s step) with(b body) step {
	r := s.action.(request)
	r.body = b
	s.action = r
	return s
}

// header gives a request headers, pairs of name and value.
func (s step) header(pairs ...string) step {
	r := s.action.(request)
	r.headers = slices.Concat(r.headers, pairs)
	s.action = r
	return s
}

func (r request) uses() []string {
	used := []string{r.method + " " + r.path}
	for _, p := range r.params {
		name, _, _ := strings.Cut(p, "=")
		used = append(used, r.method+" "+r.path+"?"+name)
	}
	return used
}

// do sends the request. The fields of the answer are "status", "header X", "trailer X", "form" (of the body) and "body", in
// which lines of JSON have become one list.
func (r request) do(ctx context.Context, t *target, vars variables) (apidiff.Answer, error) {
	req, err := r.build(ctx, t.rest, vars)
	if err != nil {
		return nil, err
	}
	resp, err := t.http.Do(req)
	if errors.Is(err, io.EOF) {
		return apidiff.Answer{"status": "none: the connection ends"}, nil
	}
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	a := apidiff.Answer{"status": fmt.Sprint(resp.StatusCode)}
	for name := range resp.Header {
		a["header "+name] = strings.Join(resp.Header.Values(name), "\n")
	}
	for name := range resp.Trailer {
		a["trailer "+name] = strings.Join(resp.Trailer.Values(name), "\n")
	}
	a[apidiff.Body], a["form"] = readBody(raw)
	return a, nil
}

func (r request) build(ctx context.Context, base string, vars variables) (*http.Request, error) {
	var content io.Reader
	var contentType string
	if r.body != nil {
		var raw []byte
		raw, contentType = r.body(vars)
		content = bytes.NewReader(raw)
	}
	address := base + vars.fill(cmp.Or(r.place, r.path))
	var pairs []string
	for _, p := range r.params {
		name, value, _ := strings.Cut(p, "=")
		pairs = append(pairs, url.QueryEscape(name)+"="+url.QueryEscape(vars.fill(value)))
	}
	if len(pairs) > 0 {
		address += "?" + strings.Join(pairs, "&")
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, content)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for pair := range slices.Chunk(r.headers, 2) {
		req.Header.Set(pair[0], vars.fill(pair[1]))
	}
	return req, nil
}

// readBody tells what form a body has. Lines of JSON are put into a list, so that they can be compared inside.
func readBody(raw []byte) (body, form string) {
	values, ok := decodeAll(raw)
	lines := bytes.Count(raw, []byte("\n"))
	switch {
	case !ok || len(values) > 0 && lines > len(values):
		return string(raw), "text"
	case len(values) == 0:
		return string(raw), "empty"
	case values[0][0] != '{':
		form = "value"
	default:
		form = "objects, one a line"
	}
	if lines < len(values) {
		form += " without a newline"
	}
	if form == "value" {
		return string(raw), form
	}
	return render(values), form
}

// decodeAll reads JSON values until the end of a text.
func decodeAll(text []byte) (values []json.RawMessage, ok bool) {
	for dec := json.NewDecoder(bytes.NewReader(text)); ; {
		var value json.RawMessage
		if err := dec.Decode(&value); errors.Is(err, io.EOF) {
			return values, true
		} else if err != nil {
			return nil, false
		}
		values = append(values, value)
	}
}

// render makes one list of JSON values.
func render(values []json.RawMessage) string {
	return "[" + string(bytes.Join(bytesOf(values), []byte(","))) + "]"
}

func bytesOf(values []json.RawMessage) (all [][]byte) {
	for _, v := range values {
		all = append(all, v)
	}
	return all
}

// at says where a request goes whose path has parts that are the case's own.
func (s step) at(path string) step {
	r := s.action.(request)
	r.place = path
	s.action = r
	return s
}
