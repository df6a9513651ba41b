package console

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/underlay/underlay/proxy/fault"
	uploads "github.com/underlay/underlay/proxy/upload"
)

const (
	// maxField is how long a field of a form may be.
	maxField = 64 << 10
	// maxFields is how many fields a form may have besides its files.
	maxFields = 32
	// lingers is for how long the rest of an upload is read that was answered with an error: most browsers look at an
	// answer only when they have sent everything.
	lingers = 30 * time.Second
	// folderKind is the type of a part that stands for an empty folder.
	folderKind = "application/x-directory"
)

// errNoFile says that a form came without files.
var errNoFile = fault.With(http.StatusBadRequest, errors.New("choose a file or a folder first"))

// upload is a form with files, which are read as they come.
type upload struct {
	fields url.Values
	// enter is called with the first part of a path, when it is another than that of the file before; an error ends the upload.
	enter func(name string) error

	conn    *http.ResponseController
	body    io.Reader
	parts   *multipart.Reader
	next    *multipart.Part // the first file
	encoded bool            // names are percent-encoded, by our script
}

// readUpload reads the fields of a form, up to its first file. The files must be the last of it.
func readUpload(w http.ResponseWriter, r *http.Request) (*upload, error) {
	u := &upload{
		fields: make(url.Values), conn: http.NewResponseController(w), body: r.Body, enter: func(string) error { return nil },
	}
	_ = u.conn.EnableFullDuplex() // HTTP/2 needs no permission
	r.Body = uploads.Guard(w, r.Body, uploads.Stall)
	var err error
	if u.parts, err = r.MultipartReader(); err != nil {
		return u, fault.With(http.StatusBadRequest, err)
	}
	for range maxFields {
		if u.next, err = u.parts.NextPart(); errors.Is(err, io.EOF) {
			return u, errNoFile
		}
		if err != nil {
			return u, unreadable(err)
		}
		name, isFile, err := u.nameOf(u.next)
		switch {
		case err != nil:
			return u, err
		case isFile && name != "":
			return u, nil
		case !isFile:
			value, err := io.ReadAll(io.LimitReader(u.next, maxField+1))
			if err != nil {
				return u, unreadable(err)
			}
			if len(value) > maxField || !utf8.Valid(value) {
				return u, fault.With(http.StatusBadRequest, fmt.Errorf("%s is too long, or not UTF-8", u.next.FormName()))
			}
			u.fields.Add(u.next.FormName(), string(value))
			u.encoded = u.fields.Get("encoded") != ""
		}
	}
	return u, fault.With(http.StatusBadRequest, errors.New("the form has too many fields"))
}

// unreadable is why a form cannot be read any further.
func unreadable(err error) error {
	return fault.With(http.StatusBadRequest, fmt.Errorf("read the upload: %w", err))
}

// nameOf returns the path that a part is to have. A part that is no file is a field; a file input that is left empty sends one
// without a name.
func (u *upload) nameOf(part *multipart.Part) (name string, isFile bool, err error) {
	_, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	if err != nil {
		return "", false, unreadable(err)
	}
	name, isFile = params["filename"]
	if !isFile || name == "" {
		return "", isFile, nil
	}
	if u.encoded {
		if name, err = url.PathUnescape(name); err != nil {
			return "", true, unreadable(err)
		}
	} else { // browsers do so with these and leave the percent sign alone: "%22" in a name cannot be told from a quote
		name = strings.NewReplacer("%22", `"`, "%0D", "\r", "%0A", "\n").Replace(name)
	}
	for part := range strings.SplitSeq(name, "/") {
		if fault := nameFault(part); fault != nil {
			return "", true, fmt.Errorf("%q: %w", name, fault)
		}
	}
	return name, true, nil
}

// nameFault says why nothing can be called so.
func nameFault(name string) error {
	switch {
	case name == "":
		return fault.With(http.StatusBadRequest, errors.New("a name is missing"))
	case name == "." || name == "..":
		return fault.With(http.StatusBadRequest, fmt.Errorf("nothing can be called %q", name))
	case strings.ContainsAny(name, "/\x00") || !utf8.ValidString(name):
		return fault.With(http.StatusBadRequest, fmt.Errorf("a name cannot have a slash or what is no character in it, as %q has", name))
	}
	return nil
}

// errEnough ends the reading of an upload that nobody wants any more.
var errEnough = errors.New("no more of the upload is wanted")

// feed hands the files, as a form of the type kind, to use, and returns its error or what was wrong with the upload. Names are
// encoded in the way that the APIs read them.
func (u *upload) feed(use func(kind string, form io.Reader) error) error {
	from, to := io.Pipe()
	form := multipart.NewWriter(to)
	done := make(chan error, 1)
	go func() {
		err := u.copyTo(form)
		done <- err
		_ = to.CloseWithError(err) // never fails
	}()
	err := use(form.FormDataContentType(), from)
	_ = from.CloseWithError(errEnough) // never fails
	if own := <-done; own != nil && !errors.Is(own, errEnough) {
		return own
	}
	return err
}

func (u *upload) copyTo(form *multipart.Writer) error {
	last := ""
	for part := u.next; ; {
		name, isFile, err := u.nameOf(part)
		if err != nil {
			return err
		}
		if isFile && name != "" {
			top, _, _ := strings.Cut(name, "/")
			if top != last {
				if err := u.enter(top); err != nil {
					return err
				}
			}
			last = top
			if err := copyFile(form, name, part); err != nil {
				return err
			}
		}
		if part, err = u.parts.NextPart(); errors.Is(err, io.EOF) {
			return form.Close()
		}
		if err != nil {
			return unreadable(err)
		}
	}
}

func copyFile(form *multipart.Writer, name string, file *multipart.Part) error {
	kind := "application/octet-stream"
	if file.Header.Get("Content-Type") == folderKind {
		kind = folderKind
	}
	to, err := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {mime.FormatMediaType("form-data", map[string]string{"name": "file", "filename": url.QueryEscape(name)})},
		"Content-Type":        {kind},
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(to, incoming{file})
	return err
}

// incoming marks the errors of what a browser sends.
type incoming struct{ io.Reader }

// Read implements io.Reader.
func (i incoming) Read(p []byte) (int, error) {
	n, err := i.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = unreadable(err)
	}
	return n, err
}

// linger reads on for a while after an answer that came early, so that the browser gets to see it.
func (u *upload) linger() {
	if u.conn.Flush() != nil || u.conn.SetReadDeadline(time.Now().Add(lingers)) != nil {
		return
	}
	_, _ = io.Copy(io.Discard, u.body) // the browser may have gone, or be slow
}
