package console

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/underlay/underlay/proxy/access"
)

//go:embed templates
var templates embed.FS

// layout is the template around every page, parts has pieces that several pages have.
const layout, parts = "layout.html", "parts.html"

// page is a template that is ready for use.
type page struct{ *template.Template }

// loadPages reads all templates, by their names without ending.
func loadPages(a *assets) (map[string]*page, error) {
	names, err := fs.Glob(templates, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("list the templates of the console: %w", err)
	}
	pages := make(map[string]*page)
	for _, file := range names {
		if base := path.Base(file); base == layout || base == parts {
			continue
		}
		t, err := template.New(layout).Funcs(functions(a)).ParseFS(templates, "templates/"+layout, "templates/"+parts, file)
		if err != nil {
			return nil, fmt.Errorf("read template %s: %w", file, err)
		}
		pages[strings.TrimSuffix(path.Base(file), ".html")] = &page{t}
	}
	return pages, nil
}

// link is an entry of the navigation.
type link struct{ Path, Title string }

// navigation lists the pages that are always in reach.
func navigation() []link {
	return []link{
		{Root, "Overview"},
		{pinsRoot, "Pins"},
		{Root + "add", "Add"},
		{Root + "files", "Files"},
		{Root + "health", "Health"},
		{Root + "events", "Events"},
	}
}

// section is the page in the navigation that a path belongs to.
func section(p string) string {
	for _, l := range navigation() {
		if l.Path != Root && strings.HasPrefix(p, l.Path+"/") {
			return l.Path
		}
	}
	return p
}

// view is what the layout shows; Data is the page's own.
type view struct {
	Title   string
	Path    string // of the page in the navigation
	Nav     []link
	Who     string // who looks
	Version string
	Data    any
}

// show answers with a page. It is made as a whole before anything is sent, so that what fails is an error and not half a page.
func (c *Console) show(w http.ResponseWriter, r *http.Request, status int, name, title string, data any) {
	var made bytes.Buffer
	err := c.pages[name].ExecuteTemplate(&made, "page", view{
		Title: title, Path: section(r.URL.Path), Nav: navigation(), Who: whoLooks(access.IdentityOf(r.Context())), Version: c.o.Version, Data: data,
	})
	if err != nil {
		c.o.Logger.Error("a page of the console could not be made", "page", name, "error", err)
		http.Error(w, "this page could not be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(made.Len())) // the end is known also while an upload is still read
	w.WriteHeader(status)
	_, _ = w.Write(made.Bytes()) // the browser has gone if this fails
}

// whoLooks says in words who an identity is and what it may do.
func whoLooks(who access.Identity) string {
	switch who.Kind {
	case access.KindAnybody, access.KindCertificate, "":
		return "let in without a credential, and may do everything"
	case access.KindSettings:
		return "the administrator of this peer's settings"
	case access.KindKubo:
		return who.String()
	}
	return fmt.Sprintf("%s (%s)", who, who.Scopes)
}

// may tells whether who looks may do what is done at a path and needs scopes: only then it is offered.
func may(r *http.Request, path string, need access.Scopes) bool {
	who := access.IdentityOf(r.Context())
	return who.Kind == "" || who.May(path, need)
}
