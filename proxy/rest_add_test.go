package proxy

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A client that reads while it sends sees each file when it is stored.
func TestRESTAddShowsFilesToADirectClient(t *testing.T) {
	api := restServe(t, newRestFake(), restAdder(t))
	s := send(t, api.URL+"/add")
	s.file("one", "first file")
	s.file("two", "second file") // which tells where the first one ends
	if line := s.line(); !strings.Contains(line, `"name":"one"`) {
		t.Errorf("the first line is %s", line)
	}
	if got := s.end(); got.StatusCode != http.StatusOK || got.Trailer.Get(restStreamError) != "" || strings.Count(got.body, "\n") != 2 {
		t.Errorf("answer %d, %s, trailer %v", got.StatusCode, got.body, got.Trailer)
	}
}

// Behind a proxy, which may forward nothing more once it sees a part of the answer, nothing comes before the end. So a fault
// is a status.
func TestRESTAddThroughAProxyAnswersAtTheEnd(t *testing.T) {
	f := newRestFake()
	api := restServe(t, f, restAdder(t))
	upload := func() reply {
		s := send(t, api.URL+"/add?progress=true", "X-Forwarded-For", "192.0.2.1")
		for i := range 30 { // the handler has taken most of them when the last is written
			s.file(fmt.Sprint(i), strings.Repeat("x", 100_000+i))
		}
		select {
		case line := <-s.lines:
			t.Errorf("before the end of the upload came %s", line)
		default:
		}
		return s.end()
	}
	if got := upload(); got.StatusCode != http.StatusOK || strings.Count(got.body, `"cid"`) < 30 || got.Header.Get("X-Chunked-Output") == "" {
		t.Errorf("answer %d, header %v, %d bytes", got.StatusCode, got.Header, len(got.body))
	}
	if pinned := f.changes(); len(pinned) != 29 { // and one by the adder
		t.Errorf("%d roots pinned", len(pinned))
	}
	f.fail = errors.New("store closed")
	if got := upload(); got.StatusCode != http.StatusInternalServerError || !strings.Contains(got.body, "store closed") || got.Trailer.Get(restStreamError) != "" {
		t.Errorf("a fault: answer %d, %s, trailer %v", got.StatusCode, got.body, got.Trailer)
	}
}

// An upload that stands still ends, in the middle of a file or between two.
func TestRESTStandingUploadEnds(t *testing.T) {
	for name, form := range map[string]string{"streams": "", "answers at the end": "?stream-channels=false"} {
		t.Run(name, func(t *testing.T) {
			api := restServe(t, newRestFake(), func(o *RESTOptions) {
				restAdder(t)(o)
				o.UploadStall = 100 * time.Millisecond
			})
			s := send(t, api.URL+"/add"+form)
			s.file("whole", "content")
			s.file("stands", strings.Repeat("x", 300_000))
			got := <-s.answer // without an end of the upload
			if got.Response == nil || !strings.Contains(got.body+got.Trailer.Get(restStreamError), "sent nothing for 100ms") {
				t.Errorf("answer %+v", got)
			}
		})
	}
}
