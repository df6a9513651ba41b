package ranges

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// single serves content and, of several ranges, the first alone, as the gateway's handler does.
func single(content []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if first, _, several := strings.Cut(r.Header.Get("Range"), ","); several {
			r.Header.Set("Range", first)
		}
		w.Header().Set("Etag", `"tag"`)
		w.Header().Set("Content-Type", "text/x-test")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	})
}

// get asks for the content with these header lines, through a real server.
func get(t *testing.T, h http.Handler, method string, lines ...string) (*http.Response, []byte, error) {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Set(name, value)
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

// parts reads a multipart body; each part is its Content-Range and its bytes.
func partsOf(t *testing.T, resp *http.Response, body []byte) (parts []string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/byteranges" {
		t.Fatalf("Content-Type %q: %v", resp.Header.Get("Content-Type"), err)
	}
	r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		p, err := r.NextPart()
		if err == io.EOF {
			return parts
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Header.Get("Content-Type"); got != "text/x-test" {
			t.Errorf("part of type %q", got)
		}
		content, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, p.Header.Get("Content-Range")+" "+string(content))
	}
}

func TestSeveralRanges(t *testing.T) {
	for asked, want := range map[string][]string{
		"bytes=0-1,4-5":        {"bytes 0-1/10 01", "bytes 4-5/10 45"},
		"bytes=4-5, 0-1":       {"bytes 4-5/10 45", "bytes 0-1/10 01"},
		"bytes=0-0,-1":         {"bytes 0-0/10 0", "bytes 9-9/10 9"},
		"bytes=0-0,8-":         {"bytes 0-0/10 0", "bytes 8-9/10 89"},
		"bytes=8-99,0-0":       {"bytes 8-9/10 89", "bytes 0-0/10 0"},
		"bytes=0-0,20-30,2-2,": {"bytes 0-0/10 0", "bytes 2-2/10 2"},
		"bytes=1-2,2-3":        {"bytes 1-2/10 12", "bytes 2-3/10 23"},
	} {
		t.Run(asked, func(t *testing.T) {
			resp, body, err := get(t, New(single([]byte("0123456789"))), "GET", "Range: "+asked)
			if err != nil || resp.StatusCode != http.StatusPartialContent {
				t.Fatalf("%v, %v", resp, err)
			}
			if got := partsOf(t, resp, body); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if resp.ContentLength != int64(len(body)) || resp.Header.Get("Etag") != `"tag"` || resp.Header.Get("Content-Range") != "" {
				t.Errorf("header %v of %d bytes", resp.Header, len(body))
			}
		})
	}
}

func TestOneAnswerWithoutParts(t *testing.T) {
	const everything = "0123456789"
	for _, tt := range []struct {
		name         string
		method       string
		lines        []string
		status       int
		contentRange string
		body         string
	}{
		{"one range", "GET", []string{"Range: bytes=1-2"}, 206, "bytes 1-2/10", "12"},
		{"one of two is there", "GET", []string{"Range: bytes=20-,1-2"}, 206, "bytes 1-2/10", "12"},
		{"none is there", "GET", []string{"Range: bytes=20-,30-"}, 416, "bytes */10", ""},
		{"more than there is", "GET", []string{"Range: bytes=0-,1-"}, 200, "", everything},
		{"too many", "GET", []string{"Range: bytes=0-0" + strings.Repeat(",1-1", Most)}, 200, "", everything},
		{"no bytes", "GET", []string{"Range: lines=1-2,3-4"}, 416, "", ""},
		{"no ranges", "GET", []string{"Range: bytes=x,y"}, 416, "", ""},
		{"backwards", "GET", []string{"Range: bytes=5-4,1-2"}, 416, "", ""},
		{"not modified", "GET", []string{"Range: bytes=0-1,4-5", `If-None-Match: "tag"`}, 304, "", ""},
		{"modified", "GET", []string{"Range: bytes=0-1,4-5", `If-Range: "other"`}, 200, "", everything},
		{"not what is expected", "GET", []string{"Range: bytes=0-1,4-5", `If-Match: "other"`}, 412, "", ""},
		{"head", "HEAD", []string{"Range: bytes=0-1,4-5"}, 206, "bytes 0-1/10", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp, body, err := get(t, New(single([]byte(everything))), tt.method, tt.lines...)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tt.status || resp.Header.Get("Content-Range") != tt.contentRange || (tt.status/100 == 2 && string(body) != tt.body) {
				t.Errorf("%s, %q: %q", resp.Status, resp.Header.Get("Content-Range"), body)
			}
		})
	}
}

// A client must not take for the whole what is not.
func TestTroubleInTheMiddle(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 10_000)
	for name, trouble := range map[string]http.HandlerFunc{
		"error": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "lost", http.StatusBadGateway) },
		"cut short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 50000-60000/100000")
			w.WriteHeader(206)
			_, _ = w.Write([]byte("few"))
		},
		"other size": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 50000-60000/70000")
			w.WriteHeader(206)
			_, _ = w.Write(content[50_000:60_001])
		},
	} {
		t.Run(name, func(t *testing.T) {
			next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.Header.Get("Range"), "bytes=50000") {
					trouble(w, r)
					return
				}
				single(content).ServeHTTP(w, r)
			})
			_, body, err := get(t, New(next), "GET", "Range: bytes=0-9999,50000-60000")
			if err == nil {
				t.Errorf("%d bytes and no error", len(body))
			}
		})
	}
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			http.Error(w, "lost", http.StatusBadGateway)
			return
		}
		single(content).ServeHTTP(w, r)
	})
	if resp, body, err := get(t, New(next), "GET", "Range: bytes=0-1,4-5"); err != nil || resp.StatusCode != http.StatusBadGateway || string(body) != "lost\n" {
		t.Errorf("an error of the first part is %v, %q, %v", resp, body, err)
	}
}

// FuzzRanges compares with what net/http makes of the same request.
func FuzzRanges(f *testing.F) {
	f.Add("bytes=0-1,4-5", 10)
	f.Add("bytes=-3,,9-,2-1", 3)
	f.Fuzz(func(t *testing.T, header string, size int) {
		if !strings.Contains(header, ",") || strings.Count(header, ",") >= Most || size < 1 || size > 1000 {
			return
		}
		if _, ok := parse(header); !ok {
			return
		}
		content := bytes.Repeat([]byte("x"), size)
		ask := func(h http.Handler) *httptest.ResponseRecorder {
			w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Range", header)
			h.ServeHTTP(w, r)
			return w
		}
		got := ask(New(single(content)))
		want := ask(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/x-test")
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
		}))
		if got.Code != want.Code || got.Body.Len() != want.Body.Len() && got.Code != 416 {
			t.Errorf("%q of %d bytes: %d with %d bytes, want %d with %d", header, size, got.Code, got.Body.Len(), want.Code, want.Body.Len())
		}
	})
}
