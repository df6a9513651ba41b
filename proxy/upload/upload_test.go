package upload

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/proxy/proxytest"
)

// An upload that stands still ends.
func TestStandingUploadEnds(t *testing.T) {
	said := make(chan error, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := Guard(w, r.Body, 100*time.Millisecond)
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
		body := Guard(w, r.Body, 50*time.Millisecond)
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
	if got := proxytest.Ask(t, http.MethodPost, s.URL, strings.NewReader("some")); got.StatusCode != http.StatusOK {
		t.Errorf("status %d", got.StatusCode)
	}
}
