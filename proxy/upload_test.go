package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/peer/ipfs"
)

// sending is an upload under way: what has come back of its answer, and the form that the client still writes.
type sending struct {
	t      testing.TB
	form   *multipart.Writer
	pipe   *io.PipeWriter
	answer chan reply
	lines  chan string
}

// send starts an add of which the test writes file after file.
func (r *rpcRig) send(query string, header ...string) *sending {
	r.t.Helper()
	return send(r.t, r.url+"/api/v0/add?"+query, header...)
}

// send starts an upload of which the test writes file after file. The length of the body is not known, as with the stock
// clients. header are pairs of names and values.
func send(t testing.TB, url string, header ...string) *sending {
	t.Helper()
	body, pipe := io.Pipe()
	s := &sending{t, multipart.NewWriter(pipe), pipe, make(chan reply, 1), make(chan string, 100)}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", s.form.FormDataContentType())
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	go s.receive(req)
	return s
}

func (s *sending) receive(req *http.Request) {
	defer close(s.answer)
	defer close(s.lines)
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return
	}
	defer res.Body.Close()
	var all strings.Builder
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		all.WriteString(lines.Text() + "\n")
		s.lines <- lines.Text()
	}
	s.answer <- reply{res, all.String()}
}

// line returns the next line of the answer.
func (s *sending) line() string {
	s.t.Helper()
	select {
	case line := <-s.lines:
		return line
	case <-time.After(patience):
		s.t.Fatal("nothing comes back")
		return ""
	}
}

// file writes one whole file. Where it ends shows only when the next one begins.
func (s *sending) file(name, content string) {
	s.t.Helper()
	part, err := s.form.CreateFormFile("file", name)
	if err == nil {
		_, err = io.WriteString(part, content)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// end completes the upload and returns the answer.
func (s *sending) end() reply {
	s.t.Helper()
	if err := errors.Join(s.form.Close(), s.pipe.Close()); err != nil {
		s.t.Fatal(err)
	}
	return <-s.answer
}

// A client that reads while it sends, as kubo's own do, sees each file when it is stored.
func TestDirectClientSeesFilesWhileItSends(t *testing.T) {
	r := newRPCRig(t)
	s := r.send("")
	s.file("one", "first file")
	s.file("two", "second file")
	if line := s.line(); !strings.Contains(line, `"Name":"one"`) {
		t.Errorf("the first line is %s", line)
	}
	eventually(t, "the first file is pinned", func() bool { return len(r.pinset.all()) == 1 })
	s.file("three", "third file") // which the client may send only when it has seen the first
	if line := s.line(); !strings.Contains(line, `"Name":"two"`) {
		t.Errorf("the second line is %s", line)
	}
	if got := s.end(); got.StatusCode != http.StatusOK || strings.Count(got.body, "\n") != 3 || got.Trailer.Get(streamError) != "" {
		t.Errorf("answer %d, %s, trailer %v", got.StatusCode, got.body, got.Trailer)
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
				s.file(fmt.Sprint(i), strings.Repeat("x", 100_000+i))
			}
			select {
			case line := <-s.lines:
				t.Errorf("before the end of the upload came %s", line)
			default:
			}
			got := s.end()
			if got.StatusCode != http.StatusOK || strings.Count(got.body, `"Hash"`) != 30 || strings.Count(got.body, `"Bytes"`) < 30 {
				t.Errorf("answer %d of %d bytes", got.StatusCode, len(got.body))
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
	target, err := url.Parse(r.url)
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
	r.url = front.URL
}

// Nothing stays of an add whose client goes away in the middle of a file.
func TestCutUploadPinsNothing(t *testing.T) {
	r := newRPCRig(t)
	s := r.send("")
	s.file("whole", strings.Repeat("w", 300_000))
	part, err := s.form.CreateFormFile("file", "cut")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(part, strings.Repeat("c", 1_000_000)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first file is pinned", func() bool { return len(r.pinset.all()) == 1 })
	s.pipe.CloseWithError(errors.New("cut"))
	<-s.answer
	r.node.Blockstore.GCLock(t.Context()).Unlock(t.Context()) // the command has ended
	if got := r.pinset.all(); len(got) != 1 {
		t.Errorf("pinned %v", got)
	}
}

// An upload that stands still ends, with its lock.
func TestStandingUploadEnds(t *testing.T) {
	said := make(chan error, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &upload{ReadCloser: r.Body, conn: http.NewResponseController(w), stall: 100 * time.Millisecond}
		_, err := io.Copy(io.Discard, body)
		said <- err
	}))
	defer s.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nsome"); err != nil {
		t.Fatal(err)
	}
	if err := <-said; err == nil || !strings.Contains(err.Error(), "sent nothing for 100ms") {
		t.Errorf("the upload ends with %v", err)
	}
}

// A time-out of the upload is none of the answer, which may take longer.
func TestAnswerMayTakeLongerThanAnUploadMayStand(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &upload{ReadCloser: r.Body, conn: http.NewResponseController(w), stall: 50 * time.Millisecond}
		if _, err := io.Copy(io.Discard, body); err != nil {
			t.Errorf("read: %v", err)
		}
		select {
		case <-r.Context().Done():
			t.Errorf("cancelled: %v", r.Context().Err())
		case <-time.After(200 * time.Millisecond):
		}
	}))
	defer s.Close()
	if got := ask(t, http.MethodPost, s.URL, strings.NewReader("some")); got.StatusCode != http.StatusOK {
		t.Errorf("status %d", got.StatusCode)
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
		{"too few holders", nil, withStatus(http.StatusGatewayTimeout, errors.New("1 of 2 hold it")), http.StatusGatewayTimeout, "1 of 2 hold it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRPCRig(t)
			root := branch(t, "root")
			r.store(root)
			r.pinset.behave(func(s *mapPinset) {
				s.early = c.early
				s.await = func(context.Context) error { return c.await }
			})
			for name, got := range map[string]reply{
				"add":       r.add("content"),
				"block put": r.upload("block/put", "content", "pin", "true"),
				"dag put":   r.upload("dag/put", `{"a":1}`, "pin", "true"),
				"pin add":   r.post("pin/add", []string{root.Cid().String()}),
			} {
				var fault kuboError
				got.decode(t, &fault)
				if got.StatusCode != c.status || !strings.Contains(fault.Message, c.says) || fault.Type != "error" {
					t.Errorf("%s: status %d, %s", name, got.StatusCode, got.body)
				}
				if (got.Header.Get("Retry-After") != "") != (c.status == http.StatusServiceUnavailable) {
					t.Errorf("%s: Retry-After is %q", name, got.Header.Get("Retry-After"))
				}
				if got.Header.Get("X-Chunked-Output") != "" || got.Header.Get(streamError) != "" || got.Trailer.Get(streamError) != "" {
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
	if got.StatusCode != http.StatusOK || got.Trailer.Get(streamError) != held.Error() || strings.Contains(got.body, "Pins") {
		t.Errorf("status %d, %s, trailer %v", got.StatusCode, got.body, got.Trailer)
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
	if got.StatusCode != http.StatusGatewayTimeout || !strings.Contains(got.body, context.DeadlineExceeded.Error()) {
		t.Errorf("status %d, %s", got.StatusCode, got.body)
	}
}

// A collection passes in the middle of an add: what has come so far stays, and shows nowhere.
func TestCollectionInTheMiddleOfAnAdd(t *testing.T) {
	r := newRPCRig(t)
	loose := branch(t, "loose")
	r.store(loose)
	s := r.send("wrap-with-directory=true&pin-name=all")
	s.file("one", strings.Repeat("1", 600_000)) // several blocks
	s.file("two", strings.Repeat("2", 16<<20))  // more than sockets hold: when it is sent, the add is in the middle of it
	if line := s.line(); !strings.Contains(line, `"Name":"one"`) {
		t.Fatalf("the first line is %s", line)
	}
	collected := make(chan reply, 1)
	go func() {
		defer close(collected) // also if there is no answer
		collected <- r.post("repo/gc", nil)
	}()
	eventually(t, "a collection waits", func() bool { return r.node.Blockstore.GCRequested(t.Context()) })
	s.file("three", "3")
	if got, ok := <-collected; !ok || got.StatusCode != http.StatusOK || got.Trailer.Get(streamError) != "" || r.has(loose) {
		t.Fatalf("collected %d, %s, %v", got.StatusCode, got.body, got.Trailer)
	}
	if got := r.pinset.all(); len(got) != 0 {
		t.Errorf("in the middle, the pinset has %v", got)
	}
	s.file("four", "4")
	got := s.end()
	pins := r.pinset.all()
	if got.StatusCode != http.StatusOK || got.Trailer.Get(streamError) != "" || len(pins) != 1 || pins[0].Name != "all" {
		t.Fatalf("answer %d, %s, %v; pinned %v", got.StatusCode, got.body, got.Trailer, pins)
	}
	if reply := r.post("refs", []string{pins[0].Cid.String()}, "recursive", "true", "offline", "true"); reply.Trailer.Get(streamError) != "" || strings.Count(reply.body, "\n") < 8 {
		t.Errorf("some blocks are gone: %d, %s, %v", reply.StatusCode, reply.body, reply.Trailer)
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
func (r *rpcRig) upload(command, content string, options ...string) reply {
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
	return ask(r.t, http.MethodPost, r.command(command, nil, options...), strings.NewReader(body.String()), "Content-Type", form.FormDataContentType())
}
