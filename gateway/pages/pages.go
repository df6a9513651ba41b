package pages

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/ipfs/boxo/gateway/assets"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

//go:embed html
var files embed.FS

// Content is what pages ask of the content that they are about.
type Content interface {
	// Missing tells which part of a content path does not exist, if its parent does, and how many parts of the path end with
	// it. It returns 0 when it does not know.
	Missing(ctx context.Context, path string) (name string, parts int)
	// Links calls f for each entry of a directory, until f fails. An entry has a name, a CID and a size.
	Links(ctx context.Context, directory cid.Cid, f func(*ipld.Link) error) error
	// Node returns a node of structured data and the name of its codec. It is nil if it does not follow its codec.
	Node(ctx context.Context, c cid.Cid) (node *assets.ParsedNode, codec string, err error)
}

// Options say what the pages are to be. Content and Logger are required.
type Options struct {
	Content Content

	Landing     string // what is at /: the name of a file with HTML; empty: a page that explains the gateway
	Redirect    string // where / leads, a path or a URL, instead; empty: nowhere
	Robots      string // the name of a file that is served as /robots.txt; empty: one that keeps crawlers away from content
	PlainErrors bool   // no HTML for errors
	Diagnostics string // URL of a page that finds out why content is not found, which gets ?cid=; empty: there is none

	Entries        int           // how many a listing has at most; 0 means 10,000
	ListingTimeout time.Duration // how long a directory may take to be read; 0: as long as it takes

	Logger *slog.Logger // is told of failures of the gateway itself
}

// Pages makes the pages. Its methods may be called from any goroutine.
type Pages struct {
	Options
	templates *template.Template
	style     template.CSS
	edition   string // differs when listings and previews look different
	policy    string
	own       map[string]http.Handler
}

// New prepares the pages, and fails when a file that the options name cannot be read.
func New(o Options) (*Pages, error) {
	css, err := files.ReadFile("html/style.css")
	if err != nil {
		return nil, fmt.Errorf("read the pages' style: %w", err)
	}
	p := &Pages{Options: o, style: template.CSS(css)}
	p.templates, err = template.New("").Funcs(template.FuncMap{"escape": escape}).ParseFS(files, "html/*.html")
	if err != nil {
		return nil, fmt.Errorf("read the pages' templates: %w", err)
	}
	p.policy = contentPolicy(css)
	if p.edition, err = edition(css); err != nil {
		return nil, err
	}
	if p.own, err = p.ownPages(); err != nil {
		return nil, err
	}
	return p, nil
}

// contentPolicy lets a browser do nothing but apply our style and show our icon.
func contentPolicy(css []byte) string {
	sum := sha256.Sum256(css)
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// edition is a short hash of what listings and previews are made of.
func edition(css []byte) (string, error) {
	sum := sha256.New()
	_, _ = sum.Write(css) // never fails
	for _, name := range []string{"html/page.html", "html/listing.html", "html/preview.html"} {
		page, err := files.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("read the template %s: %w", name, err)
		}
		_, _ = sum.Write(page)
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:6]), nil
}

// secure sets the headers of a page of ours.
func (p *Pages) secure(h http.Header) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
}

// render makes a page.
func (p *Pages) render(name string, data any) ([]byte, error) {
	var out bytes.Buffer
	if err := p.templates.ExecuteTemplate(&out, name, data); err != nil {
		return nil, fmt.Errorf("make page %s: %w", name, err)
	}
	return out.Bytes(), nil
}

// escape writes a path as a URL needs it, also one with # or ? in a name.
func escape(path string) string { return (&url.URL{Path: path}).String() }

// readNamed reads a file of the operator's.
func readNamed(what, name string) ([]byte, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return content, nil
}
