package console

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/origin"
	"github.com/underlay/underlay/proxy/overview"
)

// Root is where the console is.
const Root = "/ui/"

// policy is the Content-Security-Policy of every page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'"

// Options say where the console finds what it shows. All are required.
type Options struct {
	Overview   Overview
	Pins       Pins
	Unfinished Unfinished
	Adder      Adder
	Commands   http.Handler // kubo's commands, under /api/v0/
	Links      Links
	Hours      Hours
	Events     Events
	Gateway    Gateway
	Version    string // of this program
	Logger     *slog.Logger
}

// Overview is what the page of that name shows.
type Overview interface {
	Overview(ctx context.Context) (overview.Overview, error)
}

// Console serves the pages. Any number of goroutines may use it.
type Console struct {
	o       Options
	assets  *assets
	pages   map[string]*page // by the name of their template
	handler http.Handler
}

// New makes the console. It serves paths that begin with Root.
func New(o Options) (*Console, error) {
	c := &Console{o: o}
	var err error
	if c.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if c.pages, err = loadPages(c.assets); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for _, r := range c.routes() {
		mux.HandleFunc(r.method+" "+r.pattern, c.answer(r.handle))
	}
	mux.Handle("GET "+assetRoot+"{name}", c.assets)
	mux.HandleFunc("/", c.answer(func(http.ResponseWriter, *http.Request) error {
		return fault.With(http.StatusNotFound, errors.New("there is no such page"))
	}))
	c.handler = mux
	return c, nil
}

// ServeHTTP implements http.Handler.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // with no-referrer forms would be sent without their origin, which is checked
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	err := origin.Check(r)
	if err == nil {
		err = origin.CheckHost(r)
	}
	if err != nil {
		c.fail(w, r, fault.With(http.StatusForbidden, err))
		return
	}
	c.handler.ServeHTTP(w, r)
}

// route is a page, or something that a page can do.
type route struct {
	method, pattern string
	handle          func(http.ResponseWriter, *http.Request) error
}

// routes is the whole table. What each needs stands in package access.
func (c *Console) routes() []route {
	return []route{
		{"GET", Root + "{$}", c.overview},
		{"GET", pinsRoot, c.pinList},
		{"GET", pinsRoot + "/{cid}", c.pinPage},
		{"POST", pinsRoot + "/{cid}", c.changePin},
		{"POST", pinsRoot + "/{cid}/recover", c.recoverPin},
		{"GET", pinsRoot + "/{cid}/unpin", c.askUnpin},
		{"POST", pinsRoot + "/{cid}/unpin", c.unpin},
		{"GET", Root + "add", c.addPage},
		{"POST", Root + "add", c.add},
		{"GET", Root + "files", c.files},
		{"POST", Root + "files/folder", c.changeFiles("folder", "name", c.makeFolder)},
		{"POST", Root + "files/move", c.changeFiles("move", "to", c.move)},
		{"POST", Root + "files/remove", c.changeFiles("remove", "", c.remove)},
		{"POST", Root + "files/upload", c.uploadFiles},
		{"GET", Root + "health", c.health},
		{"GET", Root + "health/hour", c.hour},
		{"GET", Root + "events", c.events},
	}
}

// Routes lists the method and the pattern of everything that the console answers.
func Routes() (routes []string) {
	for _, r := range new(Console).routes() {
		routes = append(routes, r.method+" "+strings.TrimSuffix(r.pattern, "{$}"))
	}
	return append(routes, "GET "+assetRoot+"{name}")
}

// answer makes a handler of what may fail.
func (c *Console) answer(handle func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := handle(w, r); err != nil {
			c.fail(w, r, err)
		}
	}
}

// fail shows an error with its status.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := c.noteFailure(r, err)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", fault.RetryAfter)
	}
	c.show(w, r, status, "error", http.StatusText(status), err.Error())
}

// noteFailure logs why a page or a form failed, and returns the status of that.
func (c *Console) noteFailure(r *http.Request, err error) int {
	status := fault.Status(err)
	level := c.o.Logger.Debug
	if status >= http.StatusInternalServerError && r.Context().Err() == nil {
		level = c.o.Logger.Warn
	}
	level("a page of the console failed", "method", r.Method, "path", r.URL.Path, "status", status, "error", err)
	return status
}
