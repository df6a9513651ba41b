package console_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/boxo/files"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/proxy/fault"
)

// adder notes what it is to add, as the cluster's adder reads it, and says of all files that they are the same.
type adder struct {
	options url.Values
	added   []string // paths; those of folders end with a slash
	bytes   int64
	fails   error // when it has read everything
}

const exampleCID = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"

// Add implements console.Adder.
func (a *adder) Add(_ context.Context, options url.Values, form *multipart.Reader, told func(api.AddedOutput)) error {
	a.options = options
	dir, err := files.NewFileFromPartReader(form, "multipart/form-data")
	if err != nil {
		return err
	}
	err = files.Walk(dir, func(path string, node files.Node) error {
		if file, ok := node.(files.File); ok {
			n, err := io.Copy(io.Discard, file)
			a.added, a.bytes = append(a.added, path), a.bytes+n
			if err != nil {
				return err
			}
			c, err := api.DecodeCid(exampleCID)
			told(api.AddedOutput{Name: path, Cid: c, Size: uint64(n)})
			return err
		}
		if path != "" {
			a.added = append(a.added, path+"/")
		}
		return nil
	})
	return errors.Join(err, a.fails)
}

// sent is a part of a form: a field, or a file if it has a name.
type sent struct{ field, name, kind, content string }

// form makes the body of a form as browsers do, which do not encode names.
func form(parts ...sent) (kind string, body *bytes.Buffer) {
	body = new(bytes.Buffer)
	w := multipart.NewWriter(body)
	for _, p := range parts {
		h := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + p.field + `"`}}
		if p.name != "" {
			h.Set("Content-Disposition", h.Get("Content-Disposition")+`; filename="`+p.name+`"`)
			h.Set("Content-Type", p.kind)
		}
		part, err := w.CreatePart(h)
		if err == nil {
			_, err = io.WriteString(part, p.content)
		}
		if err != nil {
			panic(err) // a buffer takes everything
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return w.FormDataContentType(), body
}

// post sends a form; pairs of header names and values follow.
func post(h http.Handler, path, kind string, body io.Reader, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, body)
	r.Header.Set("Content-Type", kind)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// What a form holds is added under the names that it says, whatever they are, with the options that it says.
func TestAdd(t *testing.T) {
	for name, c := range map[string]struct {
		parts []sent
		want  []string
	}{
		"as browsers send it": {
			[]sent{{field: "file", name: "a b%22+%é.txt", content: "x"}, {field: "file", name: "dir/100%/e", content: ""}},
			[]string{`a b"+%é.txt`, "dir/", "dir/100%/", "dir/100%/e"},
		},
		"as the script sends it": {
			[]sent{{field: "encoded", content: "1"}, {field: "file", name: "%22%5C%2B%25%3Cb%3E%0A", content: "x"}, {field: "file", name: "d%2Fempty", kind: "application/x-directory"}},
			[]string{"\"\\+%<b>\n", "d/", "d/empty/"},
		},
		"with an input that is empty": {[]sent{{field: "file", name: " ", content: "x"}}, []string{" "}},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{}
			kind, body := form(append([]sent{{field: "name", content: "<my> pin"}, {field: "replication", content: "2"}, {field: "version", content: "1"}}, c.parts...)...)
			w := post(newConsole(t, f), "/ui/add", kind, body)
			if w.Code != http.StatusOK || !slices.Equal(f.adder.added, c.want) {
				t.Errorf("%d, added %q, want %q", w.Code, f.adder.added, c.want)
			}
			o := f.adder.options
			if o.Get("name") != "<my> pin" || o.Get("replication-min") != "2" || o.Get("replication-max") != "2" || o.Get("cid-version") != "1" || o.Get("raw-leaves") != "true" {
				t.Errorf("with %v", o)
			}
			for _, want := range []string{"Added and pinned", `href="/ui/pins/` + exampleCID + `"`, `href="http://example.com:8080/ipfs/` + exampleCID} {
				if c.want[0] != "d/" && !strings.Contains(w.Body.String(), want) {
					t.Errorf("the page does not say %q", want)
				}
			}
			if strings.Contains(w.Body.String(), "<b>") || strings.Contains(w.Body.String(), "<my>") {
				t.Errorf("a name has become markup:\n%s", w.Body)
			}
		})
	}
}

// Without files, with names that lead elsewhere and with options that mean nothing, nothing is added.
func TestAddRefuses(t *testing.T) {
	file := sent{field: "file", name: "f", content: "x"}
	version := sent{field: "version", content: "1"}
	for name, parts := range map[string][]sent{
		"no file":                {version},
		"a path upwards":         {version, {field: "file", name: "../../etc/passwd", content: "x"}},
		"an encoded path":        {{field: "encoded", content: "1"}, version, {field: "file", name: "a%2F..%2F..%2Fb", content: "x"}},
		"an absolute path":       {version, {field: "file", name: "/etc/passwd", content: "x"}},
		"a name that is broken":  {{field: "encoded", content: "1"}, version, {field: "file", name: "%zz", content: "x"}},
		"a name that is no text": {{field: "encoded", content: "1"}, version, {field: "file", name: "%ff", content: "x"}},
		"no number of peers":     {version, {field: "replication", content: "many"}, file},
		"no peers":               {version, {field: "replication", content: "-1"}, file},
		"no version":             {{field: "version", content: "7"}, file},
		"a long field":           {version, {field: "name", content: strings.Repeat("x", 1<<17)}, file},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{}
			kind, body := form(parts...)
			w := post(newConsole(t, f), "/ui/add", kind, body)
			if w.Code != http.StatusBadRequest || len(f.adder.added) > 0 || !strings.Contains(w.Body.String(), "Not added") {
				t.Errorf("%d, added %q", w.Code, f.adder.added)
			}
		})
	}
	if w := post(newConsole(t, &fake{}), "/ui/add", "text/plain", strings.NewReader("x")); w.Code != http.StatusBadRequest {
		t.Errorf("no form: %d", w.Code)
	}
}

// What fails is told in words, with its status, with what was stored before it and with what was typed.
func TestAddFails(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
	}{
		{fault.With(http.StatusInsufficientStorage, errors.New("<b>the quota is used up</b>")), http.StatusInsufficientStorage},
		{consensus.ErrDiskFull, http.StatusInsufficientStorage},
		{consensus.ErrNoLeader, http.StatusServiceUnavailable},
	} {
		f := &fake{adder: adder{fails: c.err}}
		kind, body := form(sent{field: "name", content: `"typed"`}, sent{field: "version", content: "0"}, sent{field: "file", name: "f", content: "x"})
		w := post(newConsole(t, f), "/ui/add", kind, body)
		page := w.Body.String()
		if w.Code != c.status || strings.Contains(page, "<b>") || !strings.Contains(page, "1 file or folder was stored") || !strings.Contains(page, "&#34;typed&#34;") {
			t.Errorf("%v: %d %s", c.err, w.Code, page)
		}
	}
}

// A page of another site adds nothing and changes no file, and one of the console does.
func TestOtherSitesChangeNothing(t *testing.T) {
	for path, want := range map[string]int{
		"/ui/add": http.StatusOK, "/ui/files/upload?path=/": http.StatusSeeOther, "/ui/files/folder": http.StatusBadRequest,
		"/ui/files/move": http.StatusBadRequest, "/ui/files/remove": http.StatusBadRequest,
	} {
		for _, c := range []struct {
			header []string
			passes bool
		}{
			{[]string{"Origin", "http://evil.example"}, false},
			{[]string{"Origin", "null"}, false},
			{[]string{"Sec-Fetch-Site", "cross-site"}, false},
			{[]string{"Sec-Fetch-Site", "same-site"}, false},
			{[]string{"Origin", "http://example.com:81"}, false},
			{[]string{"Origin", "http://example.com"}, true},
			{[]string{"Sec-Fetch-Site", "same-origin"}, true},
		} {
			f := &fake{}
			kind, body := form(sent{field: "version", content: "1"}, sent{field: "file", name: "f", content: "x"})
			w := post(newConsole(t, f), path, kind, body, c.header...)
			if c.passes && w.Code != want || !c.passes && (w.Code != http.StatusForbidden || len(f.adder.added)+len(f.commands.asked) > 0) {
				t.Errorf("%s with %q: %d, added %q, asked %q", path, c.header, w.Code, f.adder.added, f.commands.asked)
			}
		}
	}
}

// zeros is content without end.
type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// A large upload goes through, and not through the memory.
func TestLargeUploadTakesNoMemory(t *testing.T) {
	const size = 256 << 20
	f := &fake{}
	kind, small := form(sent{field: "version", content: "1"}, sent{field: "file", name: "large", content: "HERE"})
	before, after, _ := strings.Cut(small.String(), "HERE")
	body := io.MultiReader(strings.NewReader(before), io.LimitReader(zeros{}, size), strings.NewReader(after))
	used := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if w := post(newConsole(t, f), "/ui/add", kind, body); w.Code != http.StatusOK || f.adder.bytes != size {
				b.Errorf("%d, %d bytes", w.Code, f.adder.bytes)
			}
			body, f.adder.bytes = io.MultiReader(strings.NewReader(before), io.LimitReader(zeros{}, size), strings.NewReader(after)), 0
		}
	})
	if most := int64(size / 16); used.AllocedBytesPerOp() > most {
		t.Errorf("an upload of 256 MiB allocates %d bytes, want at most %d", used.AllocedBytesPerOp(), most)
	}
}
