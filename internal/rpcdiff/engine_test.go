package rpcdiff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/underlay/underlay/internal/apidiff"
)

// answerLimit is how long a target may take for one request before the case fails.
const answerLimit = 60 * time.Second

// play runs the steps of a case against a target. The fields of an answer are "status", "header X", "trailer X", "body",
// "framing" (how the body's length was told) and "cut" (it had no end). An error means that a step could not be carried
// out at all.
func play(ctx context.Context, t *target, c testCase) ([]apidiff.Answer, error) {
	t.front.begin()
	vars := make(variables)
	var answers []apidiff.Answer
	for _, s := range c.steps {
		got, err := t.send(ctx, s, vars)
		if err != nil {
			return answers, fmt.Errorf("%s: %w", s.label, err)
		}
		answers = append(answers, t.normalise(s, got, vars))
	}
	return answers, nil
}

// reply is an answer as it came.
type reply struct {
	*http.Response
	body string
	cut  bool // it did not end by itself
}

// send carries out one step.
func (t *target) send(ctx context.Context, s step, vars variables) (reply, error) {
	limit := answerLimit
	if s.cut > 0 {
		limit = s.cut
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := t.request(ctx, s, vars)
	if err != nil {
		return reply{}, err
	}
	resp, err := t.front.client().Do(req)
	if s.cut > 0 && errors.Is(err, context.DeadlineExceeded) { // nothing has come
		return reply{Response: &http.Response{}, cut: true}, nil
	}
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	cut := s.cut > 0 && errors.Is(err, context.DeadlineExceeded)
	if err != nil && !cut {
		return reply{}, fmt.Errorf("read the answer: %w", err)
	}
	return reply{resp, string(got), cut}, nil
}

func (t *target) request(ctx context.Context, s step, vars variables) (*http.Request, error) {
	var body io.Reader
	var contentType string
	if s.body != nil {
		var raw []byte
		raw, contentType = s.body(vars)
		body = bytes.NewReader(raw)
	}
	base := t.front.next()
	url := base + "/api/v0/" + vars.fill(s.command)
	if query := s.query(vars); query != "" {
		url += "?" + query
	}
	req, err := http.NewRequestWithContext(ctx, s.method, url, body)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(s.headers); i += 2 {
		value := vars.fill(strings.ReplaceAll(s.headers[i+1], "$base", base))
		if s.headers[i] == "Host" {
			req.Host = value
		}
		req.Header.Set(s.headers[i], value)
	}
	return req, nil
}
