package rpc

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/proxytest"
)

// acked serves a handler that writes an answer and asks for awaits.
func acked(t testing.TB, trailer string, awaits ...func(context.Context) error) string {
	t.Helper()
	s := httptest.NewServer(withAcks(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", fault.StreamError)
		_, _ = io.WriteString(w, "first line\n")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Errorf("flush: %v", err)
		}
		for _, await := range awaits {
			awaitLater(r.Context(), await)
		}
		if trailer != "" {
			w.Header().Set(fault.StreamError, trailer)
		}
	})))
	t.Cleanup(s.Close)
	return s.URL
}

func TestAnswerEndsAfterTheAcknowledgements(t *testing.T) {
	release := make(chan struct{})
	var order []string
	var mu sync.Mutex
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, what)
	}
	url := acked(t, "", func(ctx context.Context) error {
		<-release
		note("acknowledged")
		return ctx.Err()
	})
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body := bufio.NewReader(res.Body)
	if line, err := body.ReadString('\n'); err != nil || line != "first line\n" {
		t.Fatalf("read %q, %v", line, err) // what the command writes is not held back
	}
	note("read")
	close(release)
	if _, err := body.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("after the answer: %v", err)
	}
	note("ended")
	if got := strings.Join(order, ", "); got != "read, acknowledged, ended" {
		t.Errorf("order is %s", got)
	}
	if got := res.Trailer.Get(fault.StreamError); got != "" {
		t.Errorf("trailer is %q", got)
	}
}

func TestFailedAcknowledgementIsAStreamError(t *testing.T) {
	fail := func(text string) func(context.Context) error {
		return func(context.Context) error { return errors.New(text) }
	}
	fine := func(context.Context) error { return nil }
	for _, r := range []struct {
		name    string
		trailer string // set by the command
		awaits  []func(context.Context) error
		want    []string
	}{
		{"none", "", nil, nil},
		{"all fine", "", []func(context.Context) error{fine, fine}, nil},
		{"one of two", "", []func(context.Context) error{fail("too few holders"), fine}, []string{"too few holders"}},
		{"both", "", []func(context.Context) error{fail("this"), fail("that")}, []string{"this", "that"}},
		{"the command's own error stays", "its own", []func(context.Context) error{fail("too few holders")}, []string{"its own"}},
		{"and stays when all is fine", "its own", []func(context.Context) error{fine}, []string{"its own"}},
	} {
		t.Run(r.name, func(t *testing.T) {
			reply := proxytest.Ask(t, http.MethodPost, acked(t, r.trailer, r.awaits...), nil)
			got := reply.Trailer.Get(fault.StreamError)
			if reply.StatusCode != http.StatusOK || reply.Text != "first line\n" || (got == "") != (r.want == nil) {
				t.Errorf("status %d, body %q, trailer %q", reply.StatusCode, reply.Text, got)
			}
			for _, text := range r.want {
				if !strings.Contains(got, text) {
					t.Errorf("trailer is %q, want %q in it", got, text)
				}
			}
			if r.trailer != "" && got != r.trailer {
				t.Errorf("trailer is %q, want only %q", got, r.trailer)
			}
		})
	}
}

func TestAcknowledgementEndsWithTheRequest(t *testing.T) {
	waiting, ended := make(chan struct{}), make(chan error, 1)
	url := acked(t, "", func(ctx context.Context) error {
		close(waiting)
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	<-waiting
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the wait ended with %v", err)
	}
}

func TestAwaitLaterOutsideARequest(t *testing.T) {
	awaitLater(t.Context(), func(context.Context) error {
		t.Error("somebody waited")
		return nil
	})
}

// A server that drains has said that the answer is the last one on its connection; kubo's own opinion is taken back alone.
func TestAnswerKeepsTheEndOfItsConnection(t *testing.T) {
	for _, drains := range []bool{false, true} {
		command := withAcks(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "close") // as kubo does before the end of a request
			_, _ = io.WriteString(w, "done")
			_, _ = io.Copy(io.Discard, r.Body)
		}))
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if drains {
				w.Header().Set("Connection", "close")
			}
			command.ServeHTTP(w, r)
		}))
		defer s.Close()
		res, err := http.Post(s.URL, "text/plain", strings.NewReader("an upload"))
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(res.Body); err != nil || string(body) != "done" || res.Close != drains {
			t.Errorf("the server drains: %t, the last answer: %t, %q, %v", drains, res.Close, body, err)
		}
		_ = res.Body.Close()
	}
}
