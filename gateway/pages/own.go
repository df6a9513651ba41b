package pages

import (
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
)

// favicon is a picture for tabs that show content; our own pages have theirs inside.
//
//go:embed html/favicon.png
var favicon []byte

// defaultRobots keeps crawlers away from content: they would fetch without end what nobody has asked this gateway for.
const defaultRobots = "User-agent: *\nDisallow: /ipfs/\nDisallow: /ipns/\n"

// ownPages are those at fixed paths.
func (p *Pages) ownPages() (map[string]http.Handler, error) {
	robots := []byte(defaultRobots)
	if p.Robots != "" {
		var err error
		if robots, err = readNamed("robots.txt", p.Robots); err != nil {
			return nil, err
		}
	}
	landing, err := p.landing()
	if err != nil {
		return nil, err
	}
	return map[string]http.Handler{
		"/":            landing,
		"/robots.txt":  fixed("text/plain; charset=utf-8", robots),
		"/favicon.ico": fixed("image/png", favicon),
	}, nil
}

// Has tells whether a page of ours is at the path.
func (p *Pages) Has(path string) bool {
	_, ok := p.own[path]
	return ok
}

// ServeHTTP answers with the page at the request's path.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page, ok := p.own[r.URL.Path]
	switch {
	case !ok:
		http.NotFound(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are allowed here", http.StatusMethodNotAllowed)
	default:
		page.ServeHTTP(w, r)
	}
}

func (p *Pages) landing() (http.Handler, error) {
	if p.Redirect != "" {
		return http.RedirectHandler(p.Redirect, http.StatusFound), nil
	}
	if p.Landing != "" {
		page, err := readNamed("landing page", p.Landing)
		if err != nil {
			return nil, err
		}
		return fixed("text/html; charset=utf-8", page), nil
	}
	page, err := p.render("landing.html", struct{ Style template.CSS }{p.style})
	if err != nil {
		return nil, err
	}
	ours := fixed("text/html; charset=utf-8", page)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.secure(w.Header())
		ours.ServeHTTP(w, r)
	}), nil
}

// fixed answers with what does not change while the process runs.
func fixed(contentType string, body []byte) http.Handler {
	length := fmt.Sprint(len(body))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", contentType)
		h.Set("Content-Length", length)
		h.Set("Cache-Control", "public, max-age=300")
		h.Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(body) // the client has gone; nobody is left to tell
	})
}
