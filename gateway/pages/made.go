package pages

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/ipfs/boxo/retrieval"
	"github.com/ipfs/go-cid"
)

// boxosTag is how boxo's entity tag of a listing begins.
const boxosTag = `"DirIndex-`

// Listings serves listings of directories, and previews of structured data, in place of those of next, which is boxo's
// handler of content paths. What is asked for, and with which headers it is answered, remains boxo's to decide: look, the same
// handler without a time-out of its own (which loses the headers of an answer without a body), is asked for the headers alone,
// and if these are a listing's the body is made here. Boxo's own takes all entries into memory and weighs 250 kB without them.
func (p *Pages) Listings(look, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !mayBeListing(r) {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := p.hurry(r.Context())
		defer cancel()
		seen := &headOnly{header: w.Header().Clone()}
		look.ServeHTTP(seen, askForHeaders(ctx, r))
		switch {
		case seen.isListing():
			p.serveMade(w, r.WithContext(ctx), seen, boxosTag, p.listing)
		case seen.isData() && wantsPreview(r):
			for _, ofTheBlock := range []string{"Cache-Control", "Content-Length", "Content-Disposition", "Last-Modified", "Accept-Ranges"} {
				seen.header.Del(ofTheBlock)
			}
			p.serveMade(w, r.WithContext(ctx), seen, boxosPreviewTag, p.preview)
		case seen.status >= 500: // as after a time-out: to try again would take as long
			setAll(w.Header(), seen.header)
			http.Error(w, strings.TrimSuffix(seen.message.String(), "\n"), seen.status)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// askForHeaders makes the request for look. Without HTML in it: boxo panics when it is asked for the headers of a preview.
func askForHeaders(ctx context.Context, r *http.Request) *http.Request {
	head := r.Clone(ctx) // boxo may change the URL
	head.Method = http.MethodHead
	head.Header.Del("Range")
	var accepts []string
	for kind := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		if !strings.Contains(kind, "text/html") {
			accepts = append(accepts, kind)
		}
	}
	head.Header.Set("Accept", strings.Join(accepts, ","))
	return head
}

// wantsPreview tells browsers from programs as boxo does.
func wantsPreview(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html") && r.URL.Query().Get("download") != "true"
}

// hurry bounds the time that a directory may take to be read, and notes how far that gets.
func (p *Pages) hurry(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, _ = retrieval.ContextWithState(ctx)
	if p.ListingTimeout <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, p.ListingTimeout)
}

// mayBeListing tells whether it is worth to look: boxo sends everybody else to the URL with a slash first.
func mayBeListing(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return strings.HasSuffix(path, "/") && !r.URL.Query().Has("format")
}

// headOnly is a response of which status and headers matter, and what an error says.
type headOnly struct {
	header  http.Header
	status  int
	message strings.Builder
}

func (h *headOnly) Header() http.Header { return h.header }

func (h *headOnly) WriteHeader(status int) {
	if h.status == 0 {
		h.status = status
	}
}

func (h *headOnly) Write(body []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	h.message.Write(body[:min(len(body), mostMessage-h.message.Len())])
	return len(body), nil
}

func (h *headOnly) ok() bool { return h.status == 0 || h.status == http.StatusOK }

// isListing tells whether these are the headers of boxo's page for a directory.
func (h *headOnly) isListing() bool {
	return h.ok() && strings.HasPrefix(h.header.Get("Etag"), boxosTag)
}

// isData tells whether these are the headers of structured data that nobody has asked for in a form of its own.
func (h *headOnly) isData() bool {
	kind := h.header.Get("Content-Type")
	return h.ok() && h.header.Get("Content-Location") == "" && (kind == "application/vnd.ipld.dag-json" || kind == "application/vnd.ipld.dag-cbor")
}

// shown is what these headers are about.
func (h *headOnly) shown() (cid.Cid, error) {
	roots := strings.Split(h.header.Get("X-Ipfs-Roots"), ",")
	c, err := cid.Decode(roots[len(roots)-1])
	if err != nil {
		return cid.Undef, fmt.Errorf("find what to show: %w", err)
	}
	return c, nil
}

// serveMade answers with a page, and with boxo's headers.
func (p *Pages) serveMade(w http.ResponseWriter, r *http.Request, seen *headOnly, tag string,
	page func(r *http.Request, contentPath string, c cid.Cid) ([]byte, error)) {
	c, err := seen.shown()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	header := seen.header
	tag += p.edition + "_CID-" + c.String() + `"`
	if strings.Contains(r.Header.Get("If-None-Match"), tag) { // it has quotes, so it is an element of the list
		setAll(w.Header(), header)
		w.Header().Set("Etag", tag)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	var body []byte
	if r.Method == http.MethodGet {
		if body, err = page(r, header.Get("X-Ipfs-Path"), c); err != nil {
			http.Error(w, err.Error(), statusOf(err))
			return
		}
	}
	setAll(w.Header(), header)
	w.Header().Set("Etag", tag)
	p.secure(w.Header())
	_, _ = w.Write(body) // the client has gone; nobody is left to tell
}

func setAll(to, from http.Header) {
	for name, values := range from {
		to[name] = values
	}
}

func statusOf(err error) int {
	if errors.Is(err, context.DeadlineExceeded) {
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}
