package rest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/proxytest"
)

// A client that reads while it sends sees each file when it is stored.
func TestRESTAddShowsFilesToADirectClient(t *testing.T) {
	api := serve(t, newFake(), withAdder(t))
	s := proxytest.Send(t, api.URL+"/add")
	s.File("one", "first file")
	s.File("two", "second file") // which tells where the first one ends
	if line := s.Line(); !strings.Contains(line, `"name":"one"`) {
		t.Errorf("the first line is %s", line)
	}
	if got := s.End(); got.StatusCode != http.StatusOK || got.Trailer.Get(fault.StreamError) != "" || strings.Count(got.Text, "\n") != 2 {
		t.Errorf("answer %d, %s, trailer %v", got.StatusCode, got.Text, got.Trailer)
	}
}

// Behind a proxy, which may forward nothing more once it sees a part of the answer, nothing comes before the end. So a fault
// is a status.
func TestRESTAddThroughAProxyAnswersAtTheEnd(t *testing.T) {
	f := newFake()
	api := serve(t, f, withAdder(t))
	upload := func() proxytest.Reply {
		s := proxytest.Send(t, api.URL+"/add?progress=true", "X-Forwarded-For", "192.0.2.1")
		for i := range 30 { // the handler has taken most of them when the last is written
			s.File(fmt.Sprint(i), strings.Repeat("x", 100_000+i))
		}
		select {
		case line := <-s.Lines:
			t.Errorf("before the end of the upload came %s", line)
		default:
		}
		return s.End()
	}
	if got := upload(); got.StatusCode != http.StatusOK || strings.Count(got.Text, `"cid"`) < 30 || got.Header.Get("X-Chunked-Output") == "" {
		t.Errorf("answer %d, header %v, %d bytes", got.StatusCode, got.Header, len(got.Text))
	}
	if pinned := f.changes(); len(pinned) != 29 { // and one by the adder
		t.Errorf("%d roots pinned", len(pinned))
	}
	f.fail = errors.New("store closed")
	if got := upload(); got.StatusCode != http.StatusInternalServerError || !strings.Contains(got.Text, "store closed") || got.Trailer.Get(fault.StreamError) != "" {
		t.Errorf("a fault: answer %d, %s, trailer %v", got.StatusCode, got.Text, got.Trailer)
	}
}

// An upload that stands still ends, in the middle of a file or between two.
func TestRESTStandingUploadEnds(t *testing.T) {
	for name, form := range map[string]string{"streams": "", "answers at the end": "?stream-channels=false"} {
		t.Run(name, func(t *testing.T) {
			api := serve(t, newFake(), func(o *Options) {
				withAdder(t)(o)
				o.UploadStall = 100 * time.Millisecond
			})
			s := proxytest.Send(t, api.URL+"/add"+form)
			s.File("whole", "content")
			s.File("stands", strings.Repeat("x", 300_000))
			got := <-s.Answer // without an end of the upload
			if got.Response == nil || !strings.Contains(got.Text+got.Trailer.Get(fault.StreamError), "sent nothing for 100ms") {
				t.Errorf("answer %+v", got)
			}
		})
	}
}
