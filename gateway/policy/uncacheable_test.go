package policy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// An error is not to be kept, whatever its maker said; what is no error is left alone.
func TestUncacheable(t *testing.T) {
	const immutable = "public, max-age=29030400, immutable"
	for _, c := range []struct {
		status   int
		said     string
		want     string
		keepsTag bool
	}{
		{200, immutable, immutable, true},
		{200, "", "", true},
		{206, immutable, immutable, true},
		{301, "", "", true},
		{302, "no-cache", "no-cache", true},
		{304, immutable, immutable, true},
		{307, "public, max-age=31536000", "public, max-age=31536000", true},
		{400, "", "no-store", false},
		{404, immutable, "no-store", false},
		{405, "", "no-store", false},
		{406, "public", "no-store", false},
		{410, "public, max-age=604800", "public, max-age=60", false},
		{410, "public, max-age=604800, stale-while-revalidate=2678400", "no-store", false},
		{412, "", "no-store", false},
		{416, immutable, "no-store", false},
		{429, "no-store", "no-store", false},
		{451, "max-age=30", "max-age=30", false},
		{451, "max-age=forever", "no-store", false},
		{500, "private, max-age=10", "private, max-age=10", false},
		{501, "", "no-store", false},
		{503, "max-age=5, stale-if-error=86400", "no-store", false},
		{504, "s-maxage=600", "no-store", false},
	} {
		h := Uncacheable(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Etag", `"tag"`)
			if c.said != "" {
				w.Header().Set("Cache-Control", c.said)
			}
			w.WriteHeader(http.StatusEarlyHints) // decides nothing
			w.WriteHeader(c.status)
			io.WriteString(w, "body")
		}))
		got := httptest.NewRecorder()
		h.ServeHTTP(&early{got}, httptest.NewRequest("GET", "/", nil))
		if got.Code != c.status || got.Header().Get("Cache-Control") != c.want || got.Header().Get("Etag") != "" != c.keepsTag {
			t.Errorf("%d with %q: %d, %v", c.status, c.said, got.Code, got.Header())
		}
	}
}

// A website's page for what it does not have is its content. No other error is, whatever it looks like.
func TestUncacheableOwnPages(t *testing.T) {
	const immutable = "public, max-age=29030400, immutable"
	for _, c := range []struct {
		status     int
		kind, said string
		lacked     bool
		want       string
		keepsTag   bool
	}{
		{404, "text/html", immutable, false, immutable, true},
		{410, "text/html", immutable, false, immutable, true},
		{451, "text/html", immutable, false, immutable, true},
		{404, "text/html", "", false, "no-store", true},
		{404, "text/html", "public, max-age=604800", false, "public, max-age=60", true},
		{404, "text/html", immutable, true, "no-store", false},
		{404, "text/plain; charset=utf-8", immutable, false, "no-store", false},
		{416, "text/html", immutable, false, "no-store", false},
		{500, "text/html", immutable, false, "no-store", false},
	} {
		h := Uncacheable(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c.lacked {
				_ = lacks(r.Context(), io.ErrUnexpectedEOF)
			}
			w.Header().Set("Content-Type", c.kind)
			w.Header().Set("Cache-Control", c.said)
			w.Header().Set("Etag", `"tag"`)
			w.WriteHeader(c.status)
		}))
		got := httptest.NewRecorder()
		h.ServeHTTP(got, httptest.NewRequest("GET", "/", nil))
		if got.Header().Get("Cache-Control") != c.want || got.Header().Get("Etag") != "" != c.keepsTag {
			t.Errorf("%d, %s, %q, a block lacked: %t: %v", c.status, c.kind, c.said, c.lacked, got.Header())
		}
	}
}

// early passes over what comes before an answer, as a recorder cannot.
type early struct{ *httptest.ResponseRecorder }

func (w early) WriteHeader(status int) {
	if status >= http.StatusOK {
		w.ResponseRecorder.WriteHeader(status)
	}
}

// A success that has begun stays one, and its parts go out as they come.
func TestUncacheableAfterTheBeginning(t *testing.T) {
	s := httptest.NewServer(Uncacheable(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=100")
		io.WriteString(w, "first")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})))
	defer s.Close()
	resp, err := s.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	part := make([]byte, 5)
	if _, err := io.ReadFull(resp.Body, part); err != nil || string(part) != "first" || resp.Header.Get("Cache-Control") != "public, max-age=100" {
		t.Errorf("%q, %v, %v", part, err, resp.Header)
	}
}

// What fails after it has begun is cut off, so that nobody takes it for the whole; what fails before is an error.
func TestUncacheableFailures(t *testing.T) {
	for name, c := range map[string]struct {
		serve func(w http.ResponseWriter, fail func())
		cut   bool
	}{
		"in the middle":      {func(w http.ResponseWriter, fail func()) { io.WriteString(w, "first"); fail() }, true},
		"before anything":    {func(_ http.ResponseWriter, fail func()) { fail() }, false},
		"over HTTP/2":        {func(w http.ResponseWriter, fail func()) { io.WriteString(w, "first"); fail() }, true},
		"nothing is missing": {func(w http.ResponseWriter, _ func()) { io.WriteString(w, "first") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewUnstartedServer(Uncacheable(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c.serve(w, failureOf(r.Context()))
			})))
			s.EnableHTTP2 = name == "over HTTP/2"
			s.StartTLS()
			defer s.Close()
			resp, err := s.Client().Get(s.URL)
			if err == nil {
				defer resp.Body.Close()
				_, err = io.ReadAll(resp.Body)
			}
			if (err != nil) != c.cut {
				t.Errorf("cut off: %v", err)
			}
			if name == "before anything" && (resp.StatusCode != 500 || resp.Header.Get("Cache-Control") != noStore) {
				t.Errorf("%s, %v", resp.Status, resp.Header)
			}
		})
	}
}
