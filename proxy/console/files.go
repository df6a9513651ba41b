package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/underlay/underlay/internal/human"
	"github.com/underlay/underlay/proxy/access"
	"github.com/underlay/underlay/proxy/fault"
)

// entriesShown is how many entries of a folder a page shows.
const entriesShown = 100

// filesData is what the page shows of a folder or a file of the cluster's file system.
type filesData struct {
	May       bool
	Path      string
	Name      string // empty: the root
	Above     []crumb
	Folder    bool
	CID, Size string
	Open      string
	Entries   []entryData
	Total     int // entries in the folder
	First     int // number of the first entry that is shown
	Previous  string
	Next      string
	Form      formData
}

// crumb is a folder above what is shown.
type crumb struct{ Name, Page string }

// entryData is a row of the table of entries.
type entryData struct {
	Name, CID, Size, Page, Open string // without a page: there is no path that leads to it
	Folder                      bool
}

// formData is a form that was refused: which, what was typed, and why.
type formData struct {
	What, Typed, Fault string
	Begun              bool // some of an upload may have been stored
}

// stat is what kubo says of a path.
type stat struct {
	Hash           string
	Size           uint64
	CumulativeSize uint64
	Type           string
}

func (s stat) folder() bool { return s.Type == "directory" }

// entry is what kubo says of an entry of a folder.
type entry struct {
	Name string
	Type int // 1: a folder
	Size uint64
	Hash string
}

// filesPage is where the page of a path is.
func filesPage(p string) string {
	if p == "/" {
		return Root + "files"
	}
	return Root + "files?" + url.Values{"path": {p}}.Encode()
}

// files shows a folder or a file.
func (c *Console) files(w http.ResponseWriter, r *http.Request) error {
	if err := fault.CheckURL(r); err != nil {
		return err
	}
	p, err := cleanPath(cmp.Or(r.URL.Query().Get("path"), "/"))
	if err != nil {
		return err
	}
	return c.showFiles(w, r, http.StatusOK, p, formData{})
}

// cleanPath refuses a path that is not in its shortest form.
func cleanPath(p string) (string, error) {
	if !strings.HasPrefix(p, "/") || path.Clean(p) != p {
		return "", fault.With(http.StatusBadRequest, fmt.Errorf("%q is no path of a file or folder", p))
	}
	for name := range strings.SplitSeq(p[1:], "/") {
		if err := nameFault(name); err != nil && p != "/" {
			return "", err
		}
	}
	return p, nil
}

// showFiles shows what is at a path, and a form that was refused.
func (c *Console) showFiles(w http.ResponseWriter, r *http.Request, status int, p string, form formData) error {
	s, err := c.stat(r.Context(), p)
	if err != nil {
		return err
	}
	d := filesData{
		May: may(r, Root+"files/folder", access.Add|access.Pin), Path: p, Name: strings.TrimPrefix(path.Base(p), "/"), Above: crumbs(p),
		Folder: s.folder(), CID: s.Hash, Size: human.Size(s.Size), Form: form,
	}
	d.Open = c.o.Gateway.content(r, s.Hash, d.Name)
	if d.Folder {
		d.Open, d.Size = c.o.Gateway.content(r, s.Hash, ""), human.Size(s.CumulativeSize)
		if err := c.list(r, &d); err != nil {
			return err
		}
	}
	c.show(w, r, status, "files", "Files", d)
	return nil
}

// crumbs are the folders above a path, from the root.
func crumbs(p string) (above []crumb) {
	for p != "/" {
		p = path.Dir(p)
		above = append(above, crumb{cmp.Or(strings.TrimPrefix(path.Base(p), "/"), "Files"), filesPage(p)})
	}
	slices.Reverse(above)
	return above
}

// list fills in the entries of a folder that a page shows: folders first, in the order of their names.
func (c *Console) list(r *http.Request, d *filesData) error {
	answer, err := c.command(r.Context(), "files/ls", url.Values{"arg": {d.Path}, "long": {"true"}, "U": {"true"}})
	if err != nil {
		return err
	}
	var listed struct{ Entries []entry }
	if err := json.Unmarshal(answer, &listed); err != nil {
		return fmt.Errorf("read the entries of %s: %w", d.Path, err)
	}
	slices.SortFunc(listed.Entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(b.Type, a.Type), cmp.Compare(a.Name, b.Name))
	})
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	pages := max(1, (len(listed.Entries)+entriesShown-1)/entriesShown)
	page = min(max(page, 1), pages)
	link := func(n int) string {
		return Root + "files?" + url.Values{"path": {d.Path}, "page": {strconv.Itoa(n)}}.Encode()
	}
	if page > 1 {
		d.Previous = link(page - 1)
	}
	if page < pages {
		d.Next = link(page + 1)
	}
	first := (page - 1) * entriesShown
	d.Total, d.First = len(listed.Entries), first+1
	for _, e := range listed.Entries[first:min(first+entriesShown, len(listed.Entries))] {
		d.Entries = append(d.Entries, c.newEntryData(r, d.Path, e))
	}
	return nil
}

func (c *Console) newEntryData(r *http.Request, dir string, e entry) entryData {
	d := entryData{Name: e.Name, CID: e.Hash, Folder: e.Type == 1, Open: c.o.Gateway.content(r, e.Hash, "")}
	if !d.Folder {
		d.Size = human.Size(e.Size)
	}
	if nameFault(e.Name) != nil {
		return d
	}
	d.Page = filesPage(path.Join(dir, e.Name))
	if !d.Folder {
		d.Open = c.o.Gateway.content(r, e.Hash, e.Name)
	}
	return d
}

// Last is the number of the last entry that is shown.
func (d filesData) Last() int { return d.First + len(d.Entries) - 1 }

// stat looks at a path, which may lead to nothing: that is 404.
func (c *Console) stat(ctx context.Context, p string) (s stat, err error) {
	answer, err := c.command(ctx, "files/stat", url.Values{"arg": {p}})
	if err != nil {
		if leadsNowhere(err) {
			err = fault.With(http.StatusNotFound, fmt.Errorf("there is no %s", p))
		}
		return s, err
	}
	if err := json.Unmarshal(answer, &s); err != nil {
		return s, fmt.Errorf("read what %s is: %w", p, err)
	}
	return s, nil
}

// leadsNowhere tells kubo's errors for paths at which nothing is. It has no others than texts.
func leadsNowhere(err error) bool {
	text := err.Error()
	return strings.Contains(text, "does not exist") || strings.Contains(text, "not a directory")
}

// exists tells whether something is at a path.
func (c *Console) exists(ctx context.Context, p string) (bool, error) {
	_, err := c.stat(ctx, p)
	if err != nil && fault.Status(err) == http.StatusNotFound {
		return false, nil
	}
	return err == nil, err
}

// taken is why nothing can be put at a path.
func (c *Console) taken(ctx context.Context, p string) error {
	there, err := c.exists(ctx, p)
	if there {
		err = fault.With(http.StatusConflict, fmt.Errorf("there is something at %s already", p))
	}
	return err
}

// errRoot says that the folder that everything is in stays.
var errRoot = fault.With(http.StatusBadRequest, errors.New("the outermost folder can neither be moved nor removed"))
