package proxytest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Sending is an upload under way: what has come back of its answer, and the form that the client still writes.
type Sending struct {
	t      testing.TB
	Form   *multipart.Writer
	Pipe   *io.PipeWriter
	Answer chan Reply
	Lines  chan string
}

// Send starts an upload of which the test writes file after file. The length of the body is not known, as with the stock
// clients. header are pairs of names and values.
func Send(t testing.TB, url string, header ...string) *Sending {
	t.Helper()
	body, pipe := io.Pipe()
	s := &Sending{t, multipart.NewWriter(pipe), pipe, make(chan Reply, 1), make(chan string, 100)}
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", s.Form.FormDataContentType())
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	go s.receive(req)
	return s
}

func (s *Sending) receive(req *http.Request) {
	defer close(s.Answer)
	defer close(s.Lines)
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return
	}
	defer res.Body.Close()
	var all strings.Builder
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		all.WriteString(lines.Text() + "\n")
		s.Lines <- lines.Text()
	}
	s.Answer <- Reply{res, all.String()}
}

// Line returns the next line of the answer.
func (s *Sending) Line() string {
	s.t.Helper()
	select {
	case line := <-s.Lines:
		return line
	case <-time.After(Patience):
		s.t.Fatal("nothing comes back")
		return ""
	}
}

// File writes one whole file. Where it ends shows only when the next one begins.
func (s *Sending) File(name, content string) {
	s.t.Helper()
	part, err := s.Form.CreateFormFile("file", name)
	if err == nil {
		_, err = io.WriteString(part, content)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// End completes the upload and returns the answer.
func (s *Sending) End() Reply {
	s.t.Helper()
	if err := errors.Join(s.Form.Close(), s.Pipe.Close()); err != nil {
		s.t.Fatal(err)
	}
	return <-s.Answer
}
