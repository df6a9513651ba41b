package pages

import (
	"crypto/rand"
	"encoding/json"
	"html/template"
	"io"
	"net/http"
	"strings"

	"github.com/underlay/underlay/internal/request"
)

// mostMessage is how much is kept of what a handler says about an error.
const mostMessage = 4 << 10

// Errors says what next's errors mean, and what can be done, in the form that the client asks for: HTML, JSON or plain text.
// An error is what http.Error answers: a status of 400 or more with plain text or with nothing. Status and headers stay, so
// that Retry-After and Cache-Control are next's; without the latter nobody may keep the answer. Content that comes with such
// a status, as a website's own page for what is not there, passes as it is.
func (p *Pages) Errors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		held := &holdErrors{ResponseWriter: w}
		next.ServeHTTP(held, r)
		if held.status != 0 {
			p.answer(w, r, held.status, strings.TrimSpace(held.message.String()))
		}
	})
}

// holdErrors passes a response on unless it is an error.
type holdErrors struct {
	http.ResponseWriter
	begun   bool
	status  int // of an error, else 0
	message strings.Builder
}

// WriteHeader implements http.ResponseWriter.
func (h *holdErrors) WriteHeader(status int) {
	if !h.begun && status >= 400 && plain(h.Header()) {
		h.begun, h.status = true, status
	}
	if h.status != 0 {
		return
	}
	h.begun = h.begun || status >= 200
	h.ResponseWriter.WriteHeader(status)
}

func plain(h http.Header) bool {
	kind := h.Get("Content-Type")
	return kind == "" || strings.HasPrefix(kind, "text/plain")
}

// Write implements io.Writer.
func (h *holdErrors) Write(body []byte) (int, error) {
	if h.status == 0 {
		h.begun = true
		return h.ResponseWriter.Write(body)
	}
	h.message.Write(body[:min(len(body), mostMessage-h.message.Len())])
	return len(body), nil
}

// ReadFrom implements io.ReaderFrom, which lets what is below copy as it can best.
func (h *holdErrors) ReadFrom(r io.Reader) (int64, error) {
	if h.status != 0 {
		return io.Copy(struct{ io.Writer }{h}, r)
	}
	h.begun = true
	return io.Copy(h.ResponseWriter, r)
}

// Flush implements http.Flusher.
func (h *holdErrors) Flush() {
	if h.status == 0 {
		h.begun = true
		_ = http.NewResponseController(h.ResponseWriter).Flush() // it can only be that nothing below can
	}
}

// Unwrap lets http.ResponseController set deadlines.
func (h *holdErrors) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// answer writes an error.
func (p *Pages) answer(w http.ResponseWriter, r *http.Request, status int, message string) {
	h := w.Header()
	if wait := retryAfter(status); wait != "" && h.Get("Retry-After") == "" {
		h.Set("Retry-After", wait)
	}
	kind := p.kindOf(r)
	told := p.explain(r, h, status, message, kind != kindText)
	if status >= 500 && status != http.StatusServiceUnavailable && status != http.StatusGatewayTimeout && status != http.StatusNotImplemented {
		if told.RequestID = request.ID(r.Context()); told.RequestID == "" {
			told.RequestID = rand.Text()[:12]
		}
		p.Logger.Error("gateway failed", "request", told.RequestID, "status", status, "method", r.Method, "path", r.RequestURI, "error", message)
	}
	for _, name := range []string{"Content-Length", "Content-Encoding", "Content-Disposition", "Etag", "Last-Modified", "Accept-Ranges"} {
		h.Del(name)
	}
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	h.Add("Vary", "Accept")
	h.Set("X-Content-Type-Options", "nosniff")
	if told.RequestID != "" {
		h.Set("X-Request-Id", told.RequestID)
	}
	body := p.write(h, told, kind)
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has gone; nobody is left to tell
}

// retryAfter is for how many seconds it makes no sense to ask again, where the handler does not say so. The gateway
// specification asks for that.
func retryAfter(status int) string {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable:
		return "5"
	case http.StatusGatewayTimeout:
		return "60"
	}
	return ""
}

// write makes the body and sets its type.
func (p *Pages) write(h http.Header, told problem, kind int) []byte {
	switch kind {
	case kindHTML:
		page, err := p.render("error.html", struct {
			Style template.CSS
			problem
		}{p.style, told})
		if err == nil {
			p.secure(h)
			return page
		}
		p.Logger.Error("error page", "error", err)
	case kindJSON:
		body, err := json.Marshal(told)
		if err == nil {
			h.Set("Content-Type", "application/problem+json")
			return append(body, '\n')
		}
		p.Logger.Error("error document", "error", err)
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	return []byte(told.text())
}

// The forms of an error.
const (
	kindText = iota
	kindJSON
	kindHTML
)

// kindOf chooses the form by what the client accepts. A browser names HTML, and a program that can read JSON names that.
func (p *Pages) kindOf(r *http.Request) int {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	switch {
	case strings.Contains(accept, "text/html") && !p.PlainErrors:
		return kindHTML
	case strings.Contains(accept, "application/json"), strings.Contains(accept, "application/problem+json"):
		return kindJSON
	}
	return kindText
}
