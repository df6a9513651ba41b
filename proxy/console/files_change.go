package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/underlay/underlay/proxy/fault"
)

// maxForm is how long a form without files may be.
const maxForm = 64 << 10

// change is a form that changes the files: it returns where the browser goes next.
type change func(ctx context.Context, p string, form url.Values) (next string, err error)

// changeFiles makes a handler of a change: after it the browser goes elsewhere; if it was refused, the form is shown again, with
// what was typed into the field and why.
func (c *Console) changeFiles(what, field string, do change) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			return fault.With(http.StatusBadRequest, err)
		}
		p, err := cleanPath(r.PostForm.Get("path"))
		if err != nil {
			return err
		}
		next, err := do(r.Context(), p, r.PostForm)
		if err == nil {
			http.Redirect(w, r, filesPage(next), http.StatusSeeOther)
			return nil
		}
		return c.refuseForm(w, r, p, formData{What: what, Typed: r.PostForm.Get(field), Fault: err.Error()}, err)
	}
}

// refuseForm shows a form again. If not even the page can be shown, the reason is the same or worse.
func (c *Console) refuseForm(w http.ResponseWriter, r *http.Request, p string, form formData, err error) error {
	if failed := c.showFiles(w, r, fault.Status(err), p, form); failed != nil {
		return err
	}
	c.noteFailure(r, err)
	return nil
}

// makeFolder makes a folder in a folder.
func (c *Console) makeFolder(ctx context.Context, p string, form url.Values) (next string, err error) {
	name := form.Get("name")
	if err := nameFault(name); err != nil {
		return "", err
	}
	made := path.Join(p, name)
	if err := c.taken(ctx, made); err != nil {
		return "", err
	}
	_, err = c.command(ctx, "files/mkdir", url.Values{"arg": {made}})
	return p, err
}

// move gives something another name or place. It never takes the place of what is there, as kubo's command would.
func (c *Console) move(ctx context.Context, p string, form url.Values) (next string, err error) {
	to, err := target(p, form.Get("to"))
	if err != nil {
		return "", err
	}
	if err := c.taken(ctx, to); err != nil {
		return "", err
	}
	above, err := c.stat(ctx, path.Dir(to))
	if err != nil {
		return "", err
	}
	if !above.folder() {
		return "", fault.With(http.StatusBadRequest, fmt.Errorf("%s is no folder", path.Dir(to)))
	}
	was, err := c.stat(ctx, p)
	if err != nil {
		return "", err
	}
	if _, err = c.command(ctx, "files/mv", url.Values{"arg": {p, to}}); err != nil {
		return "", err
	}
	// Between folders of the same name, as /a/x/f and /b/x/f, kubo copies.
	if left, err := c.stat(ctx, p); err == nil && left.Hash == was.Hash {
		_, err = c.command(ctx, "files/rm", url.Values{"arg": {p}, "recursive": {"true"}})
		return to, err
	}
	return to, nil
}

// target is the path that is meant by what somebody typed: a name, a path from the folder or from the root, and with a slash at its
// end the folder to move into.
func target(p, typed string) (string, error) {
	if p == "/" {
		return "", errRoot
	}
	to := typed
	if !strings.HasPrefix(typed, "/") {
		to = strings.TrimSuffix(path.Dir(p), "/") + "/" + typed
	}
	if typed == "/" || strings.HasSuffix(typed, "/") {
		to += path.Base(p)
	}
	if typed == "" {
		return "", fault.With(http.StatusBadRequest, errors.New("a name is missing"))
	}
	to, err := cleanPath(to)
	switch {
	case err != nil:
		return "", err
	case to == p:
		return "", fault.With(http.StatusBadRequest, errors.New("it has that name already"))
	case strings.HasPrefix(to, p+"/"):
		return "", fault.With(http.StatusBadRequest, errors.New("a folder cannot be moved into itself"))
	}
	return to, nil
}

// remove removes something; a folder with all that is in it, if the form says so.
func (c *Console) remove(ctx context.Context, p string, form url.Values) (next string, err error) {
	if p == "/" {
		return "", errRoot
	}
	options := url.Values{"arg": {p}}
	if form.Get("folder") != "" {
		options.Set("recursive", "true")
	}
	_, err = c.command(ctx, "files/rm", options)
	return path.Dir(p), err
}

// uploadFiles puts what was uploaded into a folder, each file and each folder in one step.
func (c *Console) uploadFiles(w http.ResponseWriter, r *http.Request) error {
	if err := fault.CheckURL(r); err != nil {
		return err
	}
	p, err := cleanPath(r.URL.Query().Get("path"))
	if err != nil {
		return err
	}
	form, err := readUpload(w, r)
	begun := err == nil
	form.enter = func(name string) error { return c.taken(r.Context(), path.Join(p, name)) }
	if begun {
		err = form.feed(func(kind string, files io.Reader) error {
			options := url.Values{"to-files": {strings.TrimSuffix(p, "/") + "/"}, "pin": {"false"}, "silent": {"true"}}
			_, err := c.send(r.Context(), "add", options, kind, files)
			return err
		})
	}
	if err == nil {
		http.Redirect(w, r, filesPage(p), http.StatusSeeOther)
		return nil
	}
	w.Header().Set("Connection", "close") // what is left of the upload is not worth reading
	defer form.linger()
	return c.refuseForm(w, r, p, formData{What: "upload", Fault: err.Error(), Begun: begun}, err)
}
