package member

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/proxytest"
)

func TestRequestsReachThePeerTheyName(t *testing.T) {
	here, self, other := newAddressedPair(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s of %s", r.Method, r.URL.RequestURI(), r.Host)
	})
	there := "POST /api/v0/command?arg=1&b=%zz of " + here.Addr
	for _, c := range []struct{ name, header, body, answeredBy string }{
		{"none", "", "cluster", self.ID().String()},
		{"its own ID", self.ID().String(), "alone", self.ID().String()},
		{"its own name", "here", "alone", self.ID().String()},
		{"another's ID", other.ID().String(), there, other.ID().String()},
		{"another's name", "there", there, other.ID().String()},
	} {
		t.Run(c.name, func(t *testing.T) {
			reply := proxytest.Ask(t, http.MethodPost, here.URL+"/api/v0/command?arg=1&b=%zz", nil, Header, c.header)
			if reply.StatusCode != http.StatusOK || reply.Text != c.body || reply.Header.Get(Header) != c.answeredBy {
				t.Errorf("status %d, %q by %q; want %q by %q",
					reply.StatusCode, reply.Text, reply.Header.Get(Header), c.body, c.answeredBy)
			}
		})
	}
}

func TestNamesThatMeanNoPeerAreRefused(t *testing.T) {
	here, self, other := newAddressedPair(t, unreached(t))
	self.Join(t, "twin")
	self.Join(t, "twin")
	for _, name := range []string{"nobody", "twin", other.ID().String() + "x"} {
		reply := proxytest.Ask(t, http.MethodPost, here.URL+"/api/v0/id", nil, Header, name)
		var failure proxytest.KuboError
		reply.Decode(t, &failure)
		if reply.StatusCode != http.StatusBadRequest || !strings.Contains(failure.Message, name) || failure.Type != "error" || failure.Code != 1 {
			t.Errorf("%s: status %d, %+v", name, reply.StatusCode, failure)
		}
	}
}

func TestAnUnreachablePeerIsUnavailable(t *testing.T) {
	here, self, other := newAddressedPair(t, unreached(t))
	self.Reach(other, "")
	reply := proxytest.Ask(t, http.MethodPost, here.URL+"/api/v0/id", nil, Header, "there")
	var failure proxytest.KuboError
	reply.Decode(t, &failure)
	if reply.StatusCode != http.StatusServiceUnavailable || reply.Header.Get("Retry-After") == "" || !strings.Contains(failure.Message, other.ID().String()) {
		t.Errorf("status %d, Retry-After %q, %+v", reply.StatusCode, reply.Header.Get("Retry-After"), failure)
	}
	if got := reply.Header.Get(Header); got != self.ID().String() {
		t.Errorf("answered by %q", got)
	}
}

// What the other peer answers comes back as it is: status, headers, body and trailers.
func TestForwardedAnswersAreUnchanged(t *testing.T) {
	here, _, _ := newAddressedPair(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", fault.StreamError)
		w.Header().Set("X-Chunked-Output", "1")
		w.Header().Set(ExposeHeader, "X-Chunked-Output")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "partly")
		w.Header().Set(fault.StreamError, "failed late")
	})
	reply := proxytest.Ask(t, http.MethodPost, here.URL+"/api/v0/cat", nil, Header, "there")
	if reply.StatusCode != http.StatusTeapot || reply.Text != "partly" || reply.Header.Get("X-Chunked-Output") != "1" {
		t.Errorf("status %d, %q, %v", reply.StatusCode, reply.Text, reply.Header)
	}
	if got := reply.Trailer.Get(fault.StreamError); got != "failed late" {
		t.Errorf("the trailer is %q", got)
	}
	if got := reply.Header.Get(ExposeHeader); got != "X-Chunked-Output, "+Header {
		t.Errorf("exposed are %q", got)
	}
}

// A command may answer while it reads, as add does with progress; nothing waits for the end of the other direction.
func TestForwardedRequestsStream(t *testing.T) {
	here, _, _ := newAddressedPair(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		buf := make([]byte, 8)
		for {
			n, err := io.ReadFull(r.Body, buf)
			_, _ = w.Write(buf[:n])
			_ = http.NewResponseController(w).Flush()
			if err != nil {
				return
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), proxytest.Patience)
	defer cancel()
	body, send := io.Pipe()
	defer send.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, here.URL+"/api/v0/add", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(Header, "there")
	go func() { _, _ = send.Write([]byte("12345678")) }() // whether it came shows in the answer
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got := make([]byte, 8)
	for range 3 {
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != "12345678" {
			t.Fatalf("got %q, %v", got, err)
		}
		if _, err := send.Write([]byte("12345678")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestForwardedRequestsEndWithTheirClient(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan struct{})
	here, _, _ := newAddressedPair(t, func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		close(ended)
	})
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, here.URL+"/api/v0/pin/add", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(Header, "there")
	done := make(chan struct{})
	go func() {
		defer close(done)
		if resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req); err == nil {
			resp.Body.Close()
			t.Errorf("the client is answered with %d", resp.StatusCode)
		}
	}()
	<-begun
	cancel()
	<-done
	select {
	case <-ended:
	case <-time.After(proxytest.Patience):
		t.Error("the command runs on although its client has gone")
	}
}
