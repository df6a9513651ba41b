package httpserver

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/testkit"
)

// serve2 starts a server that speaks HTTP/2 too, and a client that speaks nothing else.
func serve2(t *testing.T, handler http.Handler, grace time.Duration) (*serving, *http.Client) {
	t.Helper()
	s := serveOn(t, listenLoopback(t), Options{Handler: handler, Grace: grace, ClearHTTP2: true})
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return s, &http.Client{Transport: transport, Timeout: patience}
}

// fetch asks and returns the body.
func fetch(c *http.Client, url string) (string, error) {
	res, err := c.Get(url)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), errors.Join(err, res.Body.Close())
}

func TestHTTP2WithoutTLS(t *testing.T) {
	s, client := serve2(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Proto, " from ", r.RemoteAddr, " ", strings.Repeat("x", 100<<10))
	}), patience)
	first, err := fetch(client, "http://"+s.addr)
	if err != nil || !strings.HasPrefix(first, "HTTP/2.0 from 127.0.0.1:") || len(first) < 100<<10 {
		t.Fatalf("%.40q, %v", first, err)
	}
	if second, err := fetch(client, "http://"+s.addr); err != nil || second != first {
		t.Errorf("the second request took another connection: %.40q, %v", second, err)
	}
	if old, err := fetch(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, "http://"+s.addr); err != nil ||
		!strings.HasPrefix(old, "HTTP/1.1 from") {
		t.Errorf("HTTP/1.1: %.40q, %v", old, err)
	}
	s.cancel()
	if err := s.ended(t); err != nil {
		t.Errorf("serve: %v", err)
	}
}

func TestHTTP2IsRefusedUnlessAskedFor(t *testing.T) {
	s := serve(t, listenLoopback(t), hello(), patience)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	if body, err := fetch(&http.Client{Transport: transport}, "http://"+s.addr); err == nil {
		t.Errorf("it is answered: %q", body)
	}
}

// A drain answers what runs, says GOAWAY, and ends as soon as the connection is quiet. The client connects anew for what it
// wants next, and is refused.
func TestDrainOfHTTP2(t *testing.T) {
	g := newGate()
	s, client := serve2(t, g, patience)
	result := make(chan error, 1)
	go func() {
		body, err := fetch(client, "http://"+s.addr)
		if err == nil && body != "begun, done" {
			err = fmt.Errorf("the body is %q", body)
		}
		result <- err
	}()
	<-g.entered
	s.cancel()
	testkit.Eventually(t, patience, "new connections are refused", func() bool { return refused(s.addr) })
	select {
	case err := <-s.done:
		t.Fatalf("Serve returned %v while a request runs", err)
	default:
	}
	close(g.proceed)
	if err := <-result; err != nil {
		t.Errorf("the running request: %v", err)
	}
	if err := s.ended(t); err != nil {
		t.Errorf("serve: %v", err)
	}
}

// Clients ask as fast as they can, on connections that they keep, while servers end. None loses a request: it is answered,
// or told to have come too late, so that the client may try elsewhere, and is refused there.
func TestDrainOfHTTP2LosesNothing(t *testing.T) {
	for range 10 {
		s, client := serve2(t, hello(), patience)
		failed := make(chan error, 8)
		answered := make(chan struct{}, 1)
		for range cap(failed) {
			go func() {
				for {
					if _, err := fetch(client, "http://"+s.addr); err != nil {
						failed <- err
						return
					}
					select {
					case answered <- struct{}{}:
					default:
					}
				}
			}()
		}
		<-answered
		s.cancel()
		for range cap(failed) {
			if err := <-failed; !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("a request is lost: %v", err)
			}
		}
		if err := s.ended(t); err != nil {
			t.Errorf("serve: %v", err)
		}
	}
}

// An idle connection of HTTP/2 does not hold a stop up, and one that is busy for too long is cut.
func TestStopOfHTTP2IsBounded(t *testing.T) {
	s, client := serve2(t, hello(), patience)
	if _, err := fetch(client, "http://"+s.addr); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	s.cancel()
	if err := s.ended(t); err != nil || time.Since(began) > patience/2 {
		t.Errorf("an idle connection: %v after %s", err, time.Since(began))
	}
	g := newGate()
	s, client = serve2(t, g, 50*time.Millisecond)
	result := make(chan error, 1)
	go func() {
		_, err := fetch(client, "http://"+s.addr)
		result <- err
	}()
	<-g.entered
	s.cancel()
	if err := s.ended(t); err != nil {
		t.Errorf("a busy connection: %v", err)
	}
	if err := <-result; err == nil {
		t.Error("the answer looks complete")
	}
}
