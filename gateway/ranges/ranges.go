package ranges

import (
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// Most is how many ranges one request may have. A request for more is answered with the whole content, as if it had asked
// for none.
const Most = 64

// New serves requests for several ranges by asking next for each of them.
func New(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := r.Header.Get("Range")
		if r.Method != http.MethodGet || !strings.Contains(header, ",") {
			next.ServeHTTP(w, r)
			return
		}
		list, ok := parse(header)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		serve(w, r, next, list)
	})
}

// serve asks first whether the content has ranges at all, and how large it is.
func serve(w http.ResponseWriter, r *http.Request, next http.Handler, list []asked) {
	if len(list) == 0 || len(list) > Most {
		next.ServeHTTP(w, withRange(r, ""))
		return
	}
	probe := probeWriter{header: make(http.Header)}
	ask := withRange(r, "bytes=0-0")
	ask.Method = http.MethodHead
	next.ServeHTTP(&probe, ask)
	size, ok := sizeIn(probe.header.Get("Content-Range"))
	if probe.status != http.StatusPartialContent || !ok {
		next.ServeHTTP(w, r)
		return
	}
	parts, total := within(list, size)
	switch {
	case len(parts) == 0: // next says that it has none of them
		next.ServeHTTP(w, withRange(r, fmt.Sprintf("bytes=%d-", size)))
	case total > size:
		next.ServeHTTP(w, withRange(r, ""))
	case len(parts) == 1:
		next.ServeHTTP(w, withRange(r, parts[0].header()))
	default:
		serveParts(w, r, next, parts, size)
	}
}

// withRange is the request for one range, or for everything.
func withRange(r *http.Request, header string) *http.Request {
	one := r.Clone(r.Context())
	one.Header.Del("Range")
	if header != "" {
		one.Header.Set("Range", header)
	}
	return one
}

// serveParts writes the parts one after the other. The first answer of next decides: if it is no part, it is the answer.
func serveParts(w http.ResponseWriter, r *http.Request, next http.Handler, parts []part, size int64) {
	out := &answer{ResponseWriter: w, parts: parts, size: size}
	for i, p := range parts {
		one := &partWriter{answer: out, index: i, header: make(http.Header)}
		next.ServeHTTP(one, withRange(r, p.header()))
		switch {
		case out.passed:
			return
		case one.written != p.length:
			return // the length is announced: the server cuts the connection, and the client sees that this is not all
		}
	}
	_ = out.body.Close() // the client has gone: as above
}

// answer is the one response that is made of several.
type answer struct {
	http.ResponseWriter
	parts       []part
	size        int64
	contentType string            // of the content; set with body, by the first part
	body        *multipart.Writer // where the parts go
	passed      bool              // next has answered with something else
}

// begin writes the header of the whole, taken from that of the first part.
func (a *answer) begin(first http.Header) {
	a.contentType = first.Get("Content-Type")
	a.body = multipart.NewWriter(a.ResponseWriter)
	h := a.Header()
	maps.Copy(h, first)
	h.Del("Content-Range")
	h.Set("Content-Type", "multipart/byteranges; boundary="+a.body.Boundary())
	h.Set("Content-Length", strconv.FormatInt(a.length(), 10))
	a.WriteHeader(http.StatusPartialContent)
}

// length is that of the whole body, the lines between the parts included.
func (a *answer) length() int64 {
	var lines counter
	body := multipart.NewWriter(&lines)
	_ = body.SetBoundary(a.body.Boundary()) // it is valid there
	total := int64(0)
	for _, p := range a.parts {
		_, _ = body.CreatePart(a.partHeader(p)) // a counter takes everything
		total += p.length
	}
	_ = body.Close()
	return total + int64(lines)
}

func (a *answer) partHeader(p part) textproto.MIMEHeader {
	h := textproto.MIMEHeader{"Content-Range": {p.contentRange(a.size)}}
	if a.contentType != "" {
		h.Set("Content-Type", a.contentType)
	}
	return h
}

// partWriter receives what next answers for one part.
type partWriter struct {
	*answer
	index   int
	header  http.Header
	body    io.Writer // where the bytes go
	written int64
}

// Header implements http.ResponseWriter.
func (p *partWriter) Header() http.Header { return p.header }

// WriteHeader implements http.ResponseWriter.
func (p *partWriter) WriteHeader(status int) {
	if p.body != nil || status < http.StatusOK {
		return
	}
	expected := p.parts[p.index]
	isPart := status == http.StatusPartialContent && p.header.Get("Content-Range") == expected.contentRange(p.size)
	switch {
	case !isPart && p.index > 0:
		p.body = nowhere{} // too late to say anything else
		return
	case !isPart:
		p.passed = true
		maps.Copy(p.answer.Header(), p.header)
		p.answer.WriteHeader(status)
		p.body = p.ResponseWriter
		return
	case p.index == 0:
		p.begin(p.header)
	}
	body, err := p.answer.body.CreatePart(p.partHeader(expected))
	if err != nil {
		body = nowhere{} // the client has gone
	}
	p.body = body
}

// Write implements io.Writer.
func (p *partWriter) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	n, err := p.body.Write(b)
	p.written += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (p *partWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// probeWriter keeps the header of an answer.
type probeWriter struct {
	header http.Header
	status int
}

// Header implements http.ResponseWriter.
func (p *probeWriter) Header() http.Header { return p.header }

// WriteHeader implements http.ResponseWriter.
func (p *probeWriter) WriteHeader(status int) {
	if p.status == 0 && status >= http.StatusOK {
		p.status = status
	}
}

// Write implements io.Writer.
func (p *probeWriter) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	return len(b), nil
}

// nowhere takes nothing: what is written to it is missing in the answer.
type nowhere struct{}

func (nowhere) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// counter counts what is written.
type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}
