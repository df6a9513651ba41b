package proxy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"

	kuboconfig "github.com/ipfs/kubo/config"
)

func TestRequestsReachThePeerTheyName(t *testing.T) {
	here, self, other := newAddressedPair(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s of %s", r.Method, r.URL.RequestURI(), r.Host)
	})
	there := "POST /api/v0/command?arg=1&b=%zz of " + here.addr
	for _, c := range []struct{ name, header, body, answeredBy string }{
		{"none", "", "cluster", self.id.String()},
		{"its own ID", self.id.String(), "alone", self.id.String()},
		{"its own name", "here", "alone", self.id.String()},
		{"another's ID", other.id.String(), there, other.id.String()},
		{"another's name", "there", there, other.id.String()},
	} {
		t.Run(c.name, func(t *testing.T) {
			reply := ask(t, http.MethodPost, here.url+"/api/v0/command?arg=1&b=%zz", nil, peerHeader, c.header)
			if reply.StatusCode != http.StatusOK || reply.body != c.body || reply.Header.Get(peerHeader) != c.answeredBy {
				t.Errorf("status %d, %q by %q; want %q by %q",
					reply.StatusCode, reply.body, reply.Header.Get(peerHeader), c.body, c.answeredBy)
			}
		})
	}
}

func TestNamesThatMeanNoPeerAreRefused(t *testing.T) {
	here, self, other := newAddressedPair(t, unreached(t))
	self.join(t, "twin")
	self.join(t, "twin")
	for _, name := range []string{"nobody", "twin", other.id.String() + "x"} {
		reply := ask(t, http.MethodPost, here.url+"/api/v0/id", nil, peerHeader, name)
		var fault kuboError
		reply.decode(t, &fault)
		if reply.StatusCode != http.StatusBadRequest || !strings.Contains(fault.Message, name) || fault.Type != "error" || fault.Code != 1 {
			t.Errorf("%s: status %d, %+v", name, reply.StatusCode, fault)
		}
	}
}

func TestAnUnreachablePeerIsUnavailable(t *testing.T) {
	here, self, other := newAddressedPair(t, unreached(t))
	self.reach(other, "")
	reply := ask(t, http.MethodPost, here.url+"/api/v0/id", nil, peerHeader, "there")
	var fault kuboError
	reply.decode(t, &fault)
	if reply.StatusCode != http.StatusServiceUnavailable || reply.Header.Get("Retry-After") == "" || !strings.Contains(fault.Message, other.id.String()) {
		t.Errorf("status %d, Retry-After %q, %+v", reply.StatusCode, reply.Header.Get("Retry-After"), fault)
	}
	if got := reply.Header.Get(peerHeader); got != self.id.String() {
		t.Errorf("answered by %q", got)
	}
}

// What the other peer answers comes back as it is: status, headers, body and trailers.
func TestForwardedAnswersAreUnchanged(t *testing.T) {
	here, _, _ := newAddressedPair(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", streamError)
		w.Header().Set("X-Chunked-Output", "1")
		w.Header().Set(exposeHeader, "X-Chunked-Output")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "partly")
		w.Header().Set(streamError, "failed late")
	})
	reply := ask(t, http.MethodPost, here.url+"/api/v0/cat", nil, peerHeader, "there")
	if reply.StatusCode != http.StatusTeapot || reply.body != "partly" || reply.Header.Get("X-Chunked-Output") != "1" {
		t.Errorf("status %d, %q, %v", reply.StatusCode, reply.body, reply.Header)
	}
	if got := reply.Trailer.Get(streamError); got != "failed late" {
		t.Errorf("the trailer is %q", got)
	}
	if got := reply.Header.Get(exposeHeader); got != "X-Chunked-Output, "+peerHeader {
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
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	body, send := io.Pipe()
	defer send.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, here.url+"/api/v0/add", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(peerHeader, "there")
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
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, here.url+"/api/v0/pin/add", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(peerHeader, "there")
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
	case <-time.After(patience):
		t.Error("the command runs on although its client has gone")
	}
}

// Every answer of kubo's commands says who gave it, in a header that scripts of other sites may read.
func TestRPCAnswersNameTheirPeer(t *testing.T) {
	r := newRPCRig(t)
	for _, command := range []string{"id", "no/such/command", "shutdown", "repo/gc"} {
		reply := r.post(command, nil)
		if got := reply.Header.Get(peerHeader); got != r.self.id.String() {
			t.Errorf("%s is answered by %q", command, got)
		}
	}
	if got := r.post("id", nil).Header.Get(exposeHeader); !strings.HasSuffix(got, ", "+peerHeader) {
		t.Errorf("exposed are %q", got)
	}
}

// Who may do what is checked by the peer that a client came to, also for a peer that it names; what the peers ask each
// other for that needs no authorization, and is not there for clients.
func TestAuthorizationsHoldForTheWholeCluster(t *testing.T) {
	network := newTestNetwork()
	allow := func(conf *kuboconfig.Config) {
		conf.API.Authorizations = map[string]*kuboconfig.RPCAuthScope{
			"me": {AuthSecret: "bearer:token", AllowedPaths: []string{"/api/v0/cat", "/api/v0/repo"}},
		}
	}
	here := joinRPC(t, network, "here", nil, allow)
	there := joinRPC(t, network, "there", here.pinset, allow)
	file := merkledag.NodeWithData(unixfs.FilePBData([]byte("content"), 7))
	there.store(file)
	cat := here.command("cat", []string{file.Cid().String()}, "offline", "true")
	for _, c := range []struct {
		name, target string
		header       []string
		want         int
	}{
		{"with the token", cat, []string{"Authorization", "Bearer token"}, http.StatusOK},
		{"without", cat, nil, http.StatusForbidden},
		{"without, for another peer", cat, []string{peerHeader, "there"}, http.StatusForbidden},
		{"size of all", here.command("repo/stat", nil), []string{"Authorization", "Bearer token"}, http.StatusOK},
		{"a collection on all", here.command("repo/gc", nil), []string{"Authorization", "Bearer token"}, http.StatusOK},
		{"a collection without", here.command("repo/gc", nil), nil, http.StatusForbidden},
		{"what only peers ask", here.url + nodePath + "/api/v0/id", nil, http.StatusUnauthorized},
	} {
		if reply := ask(t, http.MethodPost, c.target, nil, c.header...); reply.StatusCode != c.want {
			t.Errorf("%s: %d, %s", c.name, reply.StatusCode, reply.body)
		}
	}
	if there.has(file) {
		t.Error("the collection has not reached the other peer")
	}
}
