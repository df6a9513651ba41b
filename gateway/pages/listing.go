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
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// mostEntries is how many entries a listing has at most: more are of no use to people, and cost memory.
const mostEntries = 10_000

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
