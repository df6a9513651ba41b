package pages

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	gopath "path"
	"slices"
	"strings"

	boxo "github.com/ipfs/boxo/gateway"
	"github.com/ipfs/boxo/gateway/assets"
	"github.com/ipfs/boxo/retrieval"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// mostEntries is how many entries a listing has at most: more are of no use to people, and cost memory.
const mostEntries = 10_000

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
		r = r.WithContext(ctx)
		switch {
		case seen.isListing():
			p.serveMade(w, r, seen, boxosTag, p.listing)
		case seen.isData() && wantsPreview(r):
			for _, ofTheBlock := range []string{"Cache-Control", "Content-Length", "Content-Disposition", "Last-Modified", "Accept-Ranges"} {
				seen.header.Del(ofTheBlock)
			}
			p.serveMade(w, r, seen, boxosPreviewTag, p.preview)
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

// listingData is what the template of a listing gets.
type listingData struct {
	Style       template.CSS
	Path        string // of the content
	Breadcrumbs []assets.Breadcrumb
	Gateway     string // where other content is: //host, or nothing on the same host
	DNSLink     bool   // the host is a website, which may have no other content
	CID         string
	Size        string
	Up          string // the directory above, if it may be shown
	Entries     []entry
	More        bool
}

type entry struct{ Name, Path, CID, Short, Size string }

func (p *Pages) listing(r *http.Request, contentPath string, directory cid.Cid) ([]byte, error) {
	asked, err := url.ParseRequestURI(r.RequestURI)
	if err != nil {
		return nil, fmt.Errorf("parse the request's path: %w", err)
	}
	data := listingData{Style: p.style, Path: contentPath, CID: directory.String(), Gateway: gatewayOf(r)}
	data.DNSLink = assets.HasDNSLinkOrigin(data.Gateway, contentPath)
	data.Breadcrumbs = assets.Breadcrumbs(contentPath, data.DNSLink)
	if len(strings.Split(strings.Trim(contentPath, "/"), "/")) > 2 {
		data.Up = asked.Path + ".."
	}
	total, err := p.entries(r.Context(), directory, asked.Path, &data)
	if err != nil {
		return nil, err
	}
	if !data.More {
		data.Size = size(total)
	}
	return p.render("listing.html", data)
}

// gatewayOf is the host on which the gateway serves by path, if the request came to one that is a content's own.
func gatewayOf(r *http.Request) string {
	for _, key := range []boxo.RequestContextKey{boxo.SubdomainHostnameKey, boxo.DNSLinkHostnameKey} {
		if host, ok := r.Context().Value(key).(string); ok {
			return "//" + host
		}
	}
	return ""
}

var errEnough = errors.New("enough entries")

func (p *Pages) entries(ctx context.Context, directory cid.Cid, at string, data *listingData) (total uint64, err error) {
	err = p.Content.Links(ctx, directory, func(l *ipld.Link) error {
		if len(data.Entries) == mostEntries {
			data.More = true
			return errEnough
		}
		id := l.Cid.String()
		data.Entries = append(data.Entries, entry{l.Name, gopath.Join(at, l.Name), id, assets.ShortHash(id), size(l.Size)})
		total += l.Size
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return 0, fmt.Errorf("list directory %s: %w", directory, err)
	}
	slices.SortStableFunc(data.Entries, func(a, b entry) int { return strings.Compare(a.Name, b.Name) })
	return total, nil
}

// size writes a number of bytes for people.
func size(n uint64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n), 0
	for value >= 999.5 && unit < len(units)-1 {
		value /= 1000
		unit++
	}
	if value < 9.95 {
		return fmt.Sprintf("%.1f %s", value, units[unit])
	}
	return fmt.Sprintf("%.0f %s", value, units[unit])
}

var units = [...]string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
