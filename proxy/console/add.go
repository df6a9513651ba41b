package console

import (
	"context"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/internal/human"
	"github.com/underlay/underlay/proxy/access"
	"github.com/underlay/underlay/proxy/fault"
)

// Adder stores and pins what is uploaded.
type Adder interface {
	// Add reads the files of a form, and hands each file and folder to told when that is stored. The options are those of the
	// route POST /add of the cluster's API.
	Add(ctx context.Context, options url.Values, form *multipart.Reader, told func(api.AddedOutput)) error
}

// mostShown is how many of the files that were added a page shows.
const mostShown = 100

// addData is what the page shows on which content is added.
type addData struct {
	May     bool
	Options addOptions
	Fault   string     // why it was not added
	Stored  int        // files and folders that were
	Roots   []rootData // that were pinned; the first ones of many
	More    int        // further roots
	Files   []fileData // the first ones of many
}

// addOptions are the fields of the form, as they were typed.
type addOptions struct {
	Name, Replication, Version string
	Wrap                       bool
}

// rootData is something that was added and pinned.
type rootData struct {
	Name, CID, Size, Open string
}

// fileData is a file or folder that was stored.
type fileData struct{ Name, CID string }

// addPage shows the form.
func (c *Console) addPage(w http.ResponseWriter, r *http.Request) error {
	c.showAdd(w, r, http.StatusOK, addData{Options: addOptions{Version: "1"}})
	return nil
}

func (c *Console) showAdd(w http.ResponseWriter, r *http.Request, status int, data addData) {
	data.May = may(r, Root+"add", access.Add)
	c.show(w, r, status, "add", "Add", data)
}

// add stores and pins what was uploaded, and shows what came of it.
func (c *Console) add(w http.ResponseWriter, r *http.Request) error {
	form, err := readUpload(w, r)
	data := addData{Options: addOptions{
		Name: form.fields.Get("name"), Replication: strings.TrimSpace(form.fields.Get("replication")),
		Version: form.fields.Get("version"), Wrap: form.fields.Get("wrap") != "",
	}}
	var options url.Values
	if err == nil {
		options, err = data.Options.parse()
	}
	if err == nil {
		err = form.feed(func(kind string, files io.Reader) error {
			_, params, err := mime.ParseMediaType(kind)
			if err != nil {
				return err
			}
			return c.o.Adder.Add(r.Context(), options, multipart.NewReader(files, params["boundary"]), func(o api.AddedOutput) { data.note(c.o.Gateway, r, o) })
		})
	}
	status := http.StatusOK
	if err != nil {
		c.noteFailure(r, err)
		status, data.Fault = fault.Status(err), err.Error()
		w.Header().Set("Connection", "close") // what is left of the upload is not worth reading
		defer form.linger()
	}
	c.showAdd(w, r, status, data)
	return nil
}

// parse makes the options of the cluster's API of what was typed.
func (o addOptions) parse() (url.Values, error) {
	replication := 0
	if o.Replication != "" {
		var err error
		if replication, err = strconv.Atoi(o.Replication); err != nil || replication < 1 {
			return nil, fault.With(http.StatusBadRequest, fmt.Errorf("replication: %q is not a number of peers", o.Replication))
		}
	}
	if o.Version != "0" && o.Version != "1" {
		return nil, fault.With(http.StatusBadRequest, fmt.Errorf("CID version: %q is neither 0 nor 1", o.Version))
	}
	factor := strconv.Itoa(replication)
	return url.Values{
		"name": {o.Name}, "replication-min": {factor}, "replication-max": {factor}, "cid-version": {o.Version},
		"raw-leaves": {strconv.FormatBool(o.Version == "1")}, "wrap-with-directory": {strconv.FormatBool(o.Wrap)},
	}, nil
}

// note adds something that was stored.
func (d *addData) note(g Gateway, r *http.Request, o api.AddedOutput) {
	d.Stored++
	if d.Options.Wrap && o.Name == "" || !d.Options.Wrap && !strings.Contains(o.Name, "/") {
		name := o.Name
		if name == "" {
			name = "the folder around everything"
		}
		if len(d.Roots) < mostShown {
			d.Roots = append(d.Roots, rootData{name, o.Cid.String(), human.Size(o.Size), g.content(r, o.Cid.String(), o.Name)})
		} else {
			d.More++
		}
	}
	if len(d.Files) < mostShown && o.Name != "" {
		d.Files = append(d.Files, fileData{o.Name, o.Cid.String()})
	}
}

// Hidden is how many of what was stored the page does not show.
func (d addData) Hidden() int { return d.Stored - len(d.Files) }
