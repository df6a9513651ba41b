package console_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/underlay/underlay/proxy/access"
	"github.com/underlay/underlay/proxy/proxytest"
)

// commands answers kubo's commands for files as one does who has these entries, and notes those that would change them.
type commands struct {
	tree  map[string]int // type of each path besides the root; 1: a folder
	names []string       // entries of the root that no path leads to
	fails string         // what changes fail with
	asked []string
}

// ServeHTTP implements http.Handler.
func (c *commands) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, q := strings.TrimPrefix(r.URL.Path, "/api/v0/"), r.URL.Query()
	kind, there := c.tree[q.Get("arg")]
	switch {
	case name == "files/stat" && q.Get("arg") == "/", name == "files/stat" && there && kind == 1:
		fmt.Fprintf(w, `{"Hash":%q,"Type":"directory","CumulativeSize":9}`, exampleCID)
	case name == "files/stat" && there:
		fmt.Fprintf(w, `{"Hash":%q,"Type":"file","Size":7}`, exampleCID)
	case name == "files/stat":
		http.Error(w, `{"Message":"file does not exist"}`, http.StatusInternalServerError)
	case name == "files/ls":
		c.list(w, q.Get("arg"))
	case c.fails != "":
		http.Error(w, c.fails, http.StatusServiceUnavailable)
	default:
		_, _ = io.Copy(io.Discard, r.Body)
		c.asked = append(c.asked, name+"?"+q.Encode())
	}
}

func (c *commands) list(w io.Writer, dir string) {
	type entry struct {
		Name, Hash string
		Type, Size int
	}
	var entries []entry
	for p, kind := range c.tree {
		if path.Dir(p) == dir {
			entries = append(entries, entry{path.Base(p), exampleCID, kind, 7})
		}
	}
	for _, name := range c.names {
		entries = append(entries, entry{name, exampleCID, 0, 7})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"Entries": entries})
}

const hostile = `"><img src=x onerror=a()>%2F&amp;#?+é ' `

// Whatever files are called, that is text on the page, and the links lead to them.
func TestFilesShowNamesAsText(t *testing.T) {
	f := &fake{commands: commands{tree: map[string]int{"/" + hostile: 1, "/" + hostile + "/" + hostile: 0}, names: []string{"..", "a/b", ""}}}
	c := newConsole(t, f)
	for _, p := range []string{"/", "/" + hostile, "/" + hostile + "/" + hostile} {
		w := get(c, "/ui/files?"+url.Values{"path": {p}}.Encode())
		page := w.Body.String()
		if w.Code != http.StatusOK || strings.Contains(page, "<img") || strings.Contains(page, "path=%2F..") || strings.Contains(page, "a%2Fb") {
			t.Errorf("%s: %d\n%s", p, w.Code, page)
		}
		below := url.Values{"path": {path.Join(p, hostile)}}.Encode()
		if linked := strings.Contains(strings.ReplaceAll(page, "&#43;", "+"), `href="/ui/files?`+below+`"`); linked != (strings.Count(p, hostile) < 2) {
			t.Errorf("%s: a link to what is in it: %t\n%s", p, linked, page)
		}
	}
}

// A path that is not in its shortest form is refused, and one to nothing is not there.
func TestFilesPaths(t *testing.T) {
	c := newConsole(t, &fake{commands: commands{tree: map[string]int{"/a": 1}}})
	for p, status := range map[string]int{
		"/": 200, "/a": 200, "/b": 404, "a": 400, "/a/": 400, "//a": 400, "/a/../a": 400, "/..": 400, "/a\x00": 400, "/\xff": 400,
	} {
		if w := get(c, "/ui/files?"+url.Values{"path": {p}}.Encode()); w.Code != status {
			t.Errorf("%q: %d, want %d", p, w.Code, status)
		}
	}
	if w := get(c, "/ui/files?path=/a&path=/b"); w.Code != http.StatusBadRequest {
		t.Errorf("two paths: %d", w.Code)
	}
}

// A folder with very many entries is shown by the page, in order.
func TestFilesPages(t *testing.T) {
	tree := make(map[string]int)
	for i := range 10_000 {
		tree[fmt.Sprintf("/f%05d", i)] = 0
	}
	tree["/z"] = 1
	c := newConsole(t, &fake{commands: commands{tree: tree}})
	for page, want := range map[string][2]string{"": {">z<", ">f00098<"}, "2": {">f00099<", ">f00198<"}, "101": {">f09999<", "Entries 10\u202f001 to 10\u202f001 of 10\u202f001"}, "999": {">f09999<", "Previous"}} {
		w := get(c, "/ui/files?page="+page)
		for _, text := range want {
			if !strings.Contains(w.Body.String(), text) {
				t.Errorf("page %s does not show %q", page, text)
			}
		}
		if rows := strings.Count(w.Body.String(), `role="rowheader"`); rows > 100 || w.Body.Len() > 100_000 {
			t.Errorf("page %s has %d rows and %d bytes", page, rows, w.Body.Len())
		}
	}
}

// Each form does what it says and leads to what it has changed; what cannot be is refused beside what was typed.
func TestFilesChange(t *testing.T) {
	tree := map[string]int{"/d": 1, "/d/f": 0, "/d/sub": 1, "/e": 1}
	for name, c := range map[string]struct {
		action string
		form   url.Values
		status int
		want   string // the command, or what the page says
		next   string
	}{
		"folder":         {"folder", url.Values{"path": {"/d"}, "name": {"n é+%"}}, 303, "files/mkdir?arg=%2Fd%2Fn+%C3%A9%2B%25", "/ui/files?path=%2Fd"},
		"folder exists":  {"folder", url.Values{"path": {"/d"}, "name": {"f"}}, 409, "there is something at /d/f already", ""},
		"folder slash":   {"folder", url.Values{"path": {"/d"}, "name": {"a/b"}}, 400, `value="a/b" aria-invalid="true"`, ""},
		"folder upwards": {"folder", url.Values{"path": {"/d"}, "name": {".."}}, 400, `value=".." aria-invalid="true"`, ""},
		"folder no name": {"folder", url.Values{"path": {"/d"}}, 400, "a name is missing", ""},
		"no such folder": {"folder", url.Values{"path": {"/nothing/.."}, "name": {"x"}}, 400, "is no path", ""},
		"rename":         {"move", url.Values{"path": {"/d/f"}, "to": {"g h"}}, 303, "files/mv?arg=%2Fd%2Ff&arg=%2Fd%2Fg+h", "/ui/files?path=%2Fd%2Fg+h"},
		"move into":      {"move", url.Values{"path": {"/d/f"}, "to": {"/e/"}}, 303, "files/mv?arg=%2Fd%2Ff&arg=%2Fe%2Ff", "/ui/files?path=%2Fe%2Ff"},
		"move below":     {"move", url.Values{"path": {"/d/f"}, "to": {"sub/g"}}, 303, "files/mv?arg=%2Fd%2Ff&arg=%2Fd%2Fsub%2Fg", "/ui/files?path=%2Fd%2Fsub%2Fg"},
		"move over":      {"move", url.Values{"path": {"/d/f"}, "to": {"sub"}}, 409, "there is something at /d/sub already", ""},
		"move nowhere":   {"move", url.Values{"path": {"/d/f"}, "to": {"/x/g"}}, 404, "there is no /x", ""},
		"move upwards":   {"move", url.Values{"path": {"/d/f"}, "to": {"../../g"}}, 400, "is no path", ""},
		"same name":      {"move", url.Values{"path": {"/d/f"}, "to": {"f"}}, 400, "it has that name already", ""},
		"into itself":    {"move", url.Values{"path": {"/d"}, "to": {"/d/sub/x"}}, 400, "cannot be moved into itself", ""},
		"the root":       {"move", url.Values{"path": {"/"}, "to": {"x"}}, 400, "", ""},
		"remove":         {"remove", url.Values{"path": {"/d/f"}}, 303, "files/rm?arg=%2Fd%2Ff", "/ui/files?path=%2Fd"},
		"remove folder":  {"remove", url.Values{"path": {"/d"}, "folder": {"1"}}, 303, "files/rm?arg=%2Fd&recursive=true", "/ui/files"},
		"remove root":    {"remove", url.Values{"path": {"/"}, "folder": {"1"}}, 400, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{commands: commands{tree: tree}}
			w := post(newConsole(t, f), "/ui/files/"+c.action, "application/x-www-form-urlencoded", strings.NewReader(c.form.Encode()))
			if w.Code != c.status || w.Header().Get("Location") != c.next {
				t.Fatalf("%d to %q: %s", w.Code, w.Header().Get("Location"), w.Body)
			}
			if c.status == http.StatusSeeOther {
				if len(f.commands.asked) == 0 || f.commands.asked[0] != c.want {
					t.Errorf("it asks for %q", f.commands.asked)
				}
				return
			}
			if len(f.commands.asked) > 0 || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("it asks for %q and says %s", f.commands.asked, w.Body)
			}
		})
	}
}

// A change that the cluster cannot make is told with its status.
func TestFilesChangeFails(t *testing.T) {
	f := &fake{commands: commands{fails: `{"Message":"there is no <b>leader"}`}}
	w := post(newConsole(t, f), "/ui/files/folder", "application/x-www-form-urlencoded", strings.NewReader("path=/&name=typed"))
	if page := w.Body.String(); w.Code != http.StatusServiceUnavailable || !strings.Contains(page, `value="typed"`) || !strings.Contains(page, "no &lt;b&gt;leader") {
		t.Errorf("%d %s", w.Code, page)
	}
}

// An upload goes into its folder, never over what is there.
func TestFilesUpload(t *testing.T) {
	f := &fake{commands: commands{tree: map[string]int{"/d": 1, "/d/there": 0}}}
	c := newConsole(t, f)
	kind, body := form(sent{field: "file", name: "new", content: "x"})
	w := post(c, "/ui/files/upload?path=%2Fd", kind, body)
	if want := []string{"add?pin=false&silent=true&to-files=%2Fd%2F"}; w.Code != http.StatusSeeOther || !slices.Equal(f.commands.asked, want) {
		t.Errorf("%d, it asks for %q, want %q", w.Code, f.commands.asked, want)
	}
	kind, body = form(sent{field: "file", name: "there", content: "x"})
	w = post(c, "/ui/files/upload?path=%2Fd", kind, body)
	if w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "there is something at /d/there already") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, p := range []string{"", "d", "/d/../.."} {
		kind, body = form(sent{field: "file", name: "new", content: "x"})
		if w := post(c, "/ui/files/upload?"+url.Values{"path": {p}}.Encode(), kind, body); w.Code != http.StatusBadRequest {
			t.Errorf("into %q: %d", p, w.Code)
		}
	}
}

// Who may not change files is offered nothing, and is let do nothing.
func TestFilesScopes(t *testing.T) {
	guard := proxytest.NewGuard(t, proxytest.NewNetwork().Join(t, "one"), access.Options{Terms: access.Terms{AdminToken: "admin"}})
	f := &fake{commands: commands{tree: map[string]int{"/d": 1}}}
	h := guard.Wrap(newConsole(t, f), access.Private)
	make := func(scopes string) string {
		w := post(h, "/access/tokens", "application/json", strings.NewReader(`{"name": "x", "scopes": [`+scopes+`]}`), "Authorization", "Bearer admin")
		var made struct{ Token string }
		if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil {
			t.Fatalf("%v: %s", err, w.Body)
		}
		return "Bearer " + made.Token
	}
	for scopes, c := range map[string]struct{ adds, changes bool }{
		`"read"`: {}, `"pin"`: {}, `"add"`: {adds: true}, `"pin", "add"`: {true, true}, `"admin"`: {true, true},
	} {
		token := make(scopes)
		for path, allowed := range map[string]bool{"/ui/add": c.adds, "/ui/files?path=/d": c.changes} {
			w := get(h, path, "Authorization", token)
			if offered := strings.Contains(w.Body.String(), "<form") || strings.Contains(w.Body.String(), "upload."); w.Code != http.StatusOK || offered != allowed {
				t.Errorf("%s with %s: %d, a form: %t", path, scopes, w.Code, offered)
			}
		}
		for action, allowed := range map[string]bool{"add": c.adds, "files/folder": c.changes, "files/move": c.changes, "files/remove": c.changes, "files/upload": c.changes} {
			w := post(h, "/ui/"+action, "application/x-www-form-urlencoded", strings.NewReader(""), "Authorization", token)
			if passed := w.Code != http.StatusForbidden; passed != allowed {
				t.Errorf("%s with %s: %d", action, scopes, w.Code)
			}
		}
	}
}
