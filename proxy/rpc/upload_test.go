package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/peer/ipfs"
	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/proxytest"
)

// send starts an add of which the test writes file after file.
func (r *rpcRig) send(query string, header ...string) *proxytest.Sending {
	r.t.Helper()
	return proxytest.Send(r.t, r.URL+"/api/v0/add?"+query, header...)
}

// A client that reads while it sends, as kubo's own do, sees each file when it is stored.
func TestDirectClientSeesFilesWhileItSends(t *testing.T) {
	r := newRPCRig(t)
	s := r.send("")
	s.File("one", "first file")
	s.File("two", "second file")
	if line := s.Line(); !strings.Contains(line, `"Name":"one"`) {
		t.Errorf("the first line is %s", line)
	}
	eventually(t, "the first file is pinned", func() bool { return len(r.pinset.all()) == 1 })
	s.File("three", "third file") // which the client may send only when it has seen the first
	if line := s.Line(); !strings.Contains(line, `"Name":"two"`) {
		t.Errorf("the second line is %s", line)
	}
	if got := s.End(); got.StatusCode != http.StatusOK || strings.Count(got.Text, "\n") != 3 || got.Trailer.Get(fault.StreamError) != "" {
		t.Errorf("answer %d, %s, trailer %v", got.StatusCode, got.Text, got.Trailer)
	}
}

// Behind a proxy, which may forward nothing more once it sees a part of the answer, nothing comes before the end.
func TestNothingComesBackDuringAnUploadThroughAProxy(t *testing.T) {
	for name, header := range map[string][]string{
		"another host": {"Host", "api.example.org"}, "forwarded": {"X-Forwarded-For", "192.0.2.1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRPCRig(t)
			if header[0] == "Host" {
				r.rewriteHost(header[1])
			}
			s := r.send("progress=true", header...)
			for i := range 30 { // the handler has taken most of them when the last is written
				s.File(fmt.Sprint(i), strings.Repeat("x", 100_000+i))
			}
			select {
			case line := <-s.Lines:
				t.Errorf("before the end of the upload came %s", line)
			default:
			}
			got := s.End()
			if got.StatusCode != http.StatusOK || strings.Count(got.Text, `"Hash"`) != 30 || strings.Count(got.Text, `"Bytes"`) < 30 {
				t.Errorf("answer %d of %d bytes", got.StatusCode, len(got.Text))
			}
			if len(r.pinset.all()) != 30 {
				t.Errorf("%d pins", len(r.pinset.all()))
			}
		})
	}
}

// rewriteHost puts something in front of the peer that passes on another Host.
func (r *rpcRig) rewriteHost(host string) {
	r.t.Helper()
	target, err := url.Parse(r.URL)
	if err != nil {
		r.t.Fatal(err)
	}
	front := httptest.NewServer(&httputil.ReverseProxy{
		FlushInterval: -1, // it shows at once what comes
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			p.Out.Host = host
		},
	})
	r.t.Cleanup(front.Close)
	r.URL = front.URL
}

// Nothing stays of an add whose client goes away in the middle of a file.
func TestCutUploadPinsNothing(t *testing.T) {
	r := newRPCRig(t)
	s := r.send("")
	s.File("whole", strings.Repeat("w", 300_000))
	part, err := s.Form.CreateFormFile("file", "cut")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(part, strings.Repeat("c", 1_000_000)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first file is pinned", func() bool { return len(r.pinset.all()) == 1 })
	s.Pipe.CloseWithError(errors.New("cut"))
	<-s.Answer
	r.node.Blockstore.GCLock(t.Context()).Unlock(t.Context()) // the command has ended
	if got := r.pinset.all(); len(got) != 1 {
		t.Errorf("pinned %v", got)
	}
}

// Whoever cannot know of trailers is told by the status that the cluster did not take the pin.
func TestLateFailureOfTheClusterIsAStatus(t *testing.T) {
	for _, c := range []struct {
		name   string
		early  error
		await  error
		status int
		says   string
	}{
		{"no leader", fmt.Errorf("commit: %w", consensus.ErrNoLeader), nil, http.StatusServiceUnavailable, "no leader"},
		{"full disk", fmt.Errorf("commit: %w", consensus.ErrDiskFull), nil, http.StatusInsufficientStorage, consensus.ErrDiskFull.Error()},
		{"unknown outcome", fmt.Errorf("commit: %w", consensus.ErrUnknownOutcome), nil, http.StatusGatewayTimeout, consensus.ErrUnknownOutcome.Error()},
		{"blocks that nobody has", fmt.Errorf("fetch: %w", ipfs.ErrNoProgress), nil, http.StatusGatewayTimeout, ipfs.ErrNoProgress.Error()},
		{"too few holders", nil, fault.With(http.StatusGatewayTimeout, errors.New("1 of 2 hold it")), http.StatusGatewayTimeout, "1 of 2 hold it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRPCRig(t)
			root := branch(t, "root")
			r.store(root)
			r.pinset.behave(func(s *mapPinset) {
				s.early = c.early
				s.await = func(context.Context) error { return c.await }
			})
			for name, got := range map[string]proxytest.Reply{
				"add":       r.add("content"),
				"block put": r.upload("block/put", "content", "pin", "true"),
				"dag put":   r.upload("dag/put", `{"a":1}`, "pin", "true"),
				"pin add":   r.post("pin/add", []string{root.Cid().String()}),
			} {
				var failure proxytest.KuboError
				got.Decode(t, &failure)
				if got.StatusCode != c.status || !strings.Contains(failure.Message, c.says) || failure.Type != "error" {
					t.Errorf("%s: status %d, %s", name, got.StatusCode, got.Text)
				}
				if (got.Header.Get("Retry-After") != "") != (c.status == http.StatusServiceUnavailable) {
					t.Errorf("%s: Retry-After is %q", name, got.Header.Get("Retry-After"))
				}
				if got.Header.Get("X-Chunked-Output") != "" || got.Header.Get(fault.StreamError) != "" || got.Trailer.Get(fault.StreamError) != "" {
					t.Errorf("%s: header %v, trailer %v", name, got.Header, got.Trailer)
				}
			}
		})
	}
}

// A client that has seen a part of the answer finds the failure in the trailer, and no word of the pin.
func TestUnacknowledgedPinIsNotAnnounced(t *testing.T) {
	r := newRPCRig(t)
	root := branch(t, "root")
	r.store(root)
	held := errors.New("0 of 2 peers hold it")
	r.pinset.behave(func(s *mapPinset) {
		s.slow = 700 * time.Millisecond // kubo reports progress twice a second
		s.await = func(context.Context) error { return held }
	})
	got := r.post("pin/add", []string{root.Cid().String()}, "progress", "true")
	if got.StatusCode != http.StatusOK || got.Trailer.Get(fault.StreamError) != held.Error() || strings.Contains(got.Text, "Pins") {
		t.Errorf("status %d, %s, trailer %v", got.StatusCode, got.Text, got.Trailer)
	}
}

// The time-out that a request asks for ends the wait for holders too.
func TestTimeoutEndsTheAcknowledgement(t *testing.T) {
	r := newRPCRig(t)
	root := branch(t, "root")
	r.store(root)
	r.pinset.behave(func(s *mapPinset) {
		s.await = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
	})
	got := r.post("pin/add", []string{root.Cid().String()}, "timeout", "1s")
	if got.StatusCode != http.StatusGatewayTimeout || !strings.Contains(got.Text, context.DeadlineExceeded.Error()) {
		t.Errorf("status %d, %s", got.StatusCode, got.Text)
	}
}

// A collection passes in the middle of an add: what has come so far stays, and shows nowhere.
func TestCollectionInTheMiddleOfAnAdd(t *testing.T) {
	r := newRPCRig(t)
	loose := branch(t, "loose")
	r.store(loose)
	s := r.send("wrap-with-directory=true&pin-name=all")
	s.File("one", strings.Repeat("1", 600_000)) // several blocks
	s.File("two", strings.Repeat("2", 16<<20))  // more than sockets hold: when it is sent, the add is in the middle of it
	if line := s.Line(); !strings.Contains(line, `"Name":"one"`) {
		t.Fatalf("the first line is %s", line)
	}
	collected := make(chan proxytest.Reply, 1)
	go func() {
		defer close(collected) // also if there is no answer
		collected <- r.post("repo/gc", nil)
	}()
	eventually(t, "a collection waits", func() bool { return r.node.Blockstore.GCRequested(t.Context()) })
	s.File("three", "3")
	if got, ok := <-collected; !ok || got.StatusCode != http.StatusOK || got.Trailer.Get(fault.StreamError) != "" || r.has(loose) {
		t.Fatalf("collected %d, %s, %v", got.StatusCode, got.Text, got.Trailer)
	}
	if got := r.pinset.all(); len(got) != 0 {
		t.Errorf("in the middle, the pinset has %v", got)
	}
	s.File("four", "4")
	got := s.End()
	pins := r.pinset.all()
	if got.StatusCode != http.StatusOK || got.Trailer.Get(fault.StreamError) != "" || len(pins) != 1 || pins[0].Name != "all" {
		t.Fatalf("answer %d, %s, %v; pinned %v", got.StatusCode, got.Text, got.Trailer, pins)
	}
	if reply := r.post("refs", []string{pins[0].Cid.String()}, "recursive", "true", "offline", "true"); reply.Trailer.Get(fault.StreamError) != "" || strings.Count(reply.Text, "\n") < 8 {
		t.Errorf("some blocks are gone: %d, %s, %v", reply.StatusCode, reply.Text, reply.Trailer)
	}
	r.unheld()
}

// unheld checks that nothing but the pins is kept from a collection: the pinset of this rig pins nothing on the node.
func (r *rpcRig) unheld() {
	r.t.Helper()
	for found := range r.node.Pinning.RecursiveKeys(r.t.Context(), false) {
		r.t.Errorf("still held: %v, %v", found.Pin.Key, found.Err)
	}
}

// upload posts one file to a command.
func (r *rpcRig) upload(command, content string, options ...string) proxytest.Reply {
	r.t.Helper()
	var body strings.Builder
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "file.txt")
	if err == nil {
		_, err = io.WriteString(part, content)
	}
	if err = errors.Join(err, form.Close()); err != nil {
		r.t.Fatal(err)
	}
	return proxytest.Ask(r.t, http.MethodPost, r.Command(command, nil, options...), strings.NewReader(body.String()), "Content-Type", form.FormDataContentType())
}
