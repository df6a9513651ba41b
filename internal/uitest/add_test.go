package uitest

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/browser"
	"github.com/underlay/underlay/internal/itest"
)

// writeTree writes files and returns the folder that they are in. A path that ends with a slash is an empty folder.
func writeTree(t testing.TB, tree map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for path, content := range tree {
		at := filepath.Join(dir, path)
		err := os.MkdirAll(filepath.Dir(at), 0o755)
		if strings.HasSuffix(path, "/") {
			err = os.MkdirAll(at, 0o755)
		} else if err == nil {
			err = os.WriteFile(at, content, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func noise(n int) []byte {
	content := make([]byte, n)
	_, _ = rand.Read(content) // never fails
	return content
}

// attribute is that of the first element that a selector finds.
func attribute(b *browser.Tab, selector, name string) string {
	b.T.Helper()
	return browser.Evaluate[string](b, fmt.Sprintf("document.querySelector(%q)?.getAttribute(%q) ?? ''", selector, name))
}

// Files and folders that are dropped on the page or chosen are added as the command line would add them, and every peer serves
// them.
func TestAdd(t *testing.T) {
	b := browser.Open(t)
	script := axe(t)
	c := itest.Start(t)
	page := c.Peers[0].API + "/ui/add"

	shot{"add", page, "Drop files and folders", script}.check(t, b)
	t.Run("dropped", func(t *testing.T) { addsDropped(b.In(t), c, page, script) })
	t.Run("keyboard", func(t *testing.T) { addsByKeyboard(b.In(t), c, page) })
	t.Run("without scripts", func(t *testing.T) { addsWithoutScripts(b.In(t), c, page) })
	t.Run("cancelled", func(t *testing.T) { cancelsAdd(b.In(t), page) })
	t.Run("refused", func(t *testing.T) { refusesAdd(b.In(t), page) })
	t.Run("no leader", func(t *testing.T) { addsWithoutLeader(b.In(t), c, page) })
}

func addsDropped(b *browser.Tab, c *itest.Cluster, page, script string) {
	tree := map[string][]byte{
		"large.bin": noise(24 << 20), `a "quoted" 100%25 ü.txt`: []byte("quoted"), "photos/in ner/süß & more.txt": []byte("nested"),
		"photos/empty.txt": {}, "photos/in ner/+x.html": []byte("<b>x</b>"),
	}
	dir := writeTree(b.T, tree)
	b.Goto(page, 1280, "light")
	b.Drop("form.upload", filepath.Join(dir, "large.bin"), filepath.Join(dir, `a "quoted" 100%25 ü.txt`), filepath.Join(dir, "photos"))
	says(b, live, ".chosen", "Chosen: 5 files, 24.0 MiB")
	b.Shoot("console-add-chosen")
	b.Type("#name", `holiday <b>"1"</b>`)
	b.Type("#replication", "2")
	b.Click("#wrap")
	browser.Evaluate[bool](b, `(() => {
		window.progress = []
		new MutationObserver(() => progress.push(document.querySelector('.sent').textContent)).observe(document.querySelector('.sent'), {childList: true})
		return true
	})()`)
	b.Click("form.upload button.main")
	says(b, time.Minute, "#outcome", "Added and pinned")
	seen := browser.Evaluate[[]string](b, "progress")
	if !slices.ContainsFunc(seen, func(s string) bool {
		return strings.Contains(s, " of 24.0 MiB, file ") && strings.Contains(s, " of 5: ")
	}) {
		b.T.Errorf("the progress was %q", seen)
	}
	b.Shoot("console-added")
	s := shot{axe: script}
	cid := strings.TrimPrefix(attribute(b, "#outcome a.pin", "href"), "/ui/pins/")
	servesTree(b, c, cid, tree)
	open := attribute(b, "#outcome a.open", "href")
	if want := c.Peers[0].Gateway + "/ipfs/" + cid; open != want {
		b.T.Errorf("the page opens %s, want %s", open, want)
	}
	b.NoFaults()
	s.checkAccessible(b)
	b.Click("#outcome a.open")
	says(b, live, "body", "photos")
}

// servesTree finds what was added, on other peers, to be what the command line makes of the same files.
func servesTree(b *browser.Tab, c *itest.Cluster, cid string, tree map[string][]byte) {
	b.T.Helper()
	answer, err := c.Peers[2].Do(http.MethodGet, "/allocations/"+cid)
	var pin struct {
		Name        string
		Replication int `json:"replication_factor_max"`
	}
	if err == nil {
		err = json.Unmarshal(answer, &pin)
	}
	if err != nil || pin.Name != `holiday <b>"1"</b>` || pin.Replication != 2 {
		b.T.Errorf("the pin is %s, %v", answer, err)
	}
	want, err := c.Peers[1].AddTree(tree)
	if err != nil || want != cid {
		b.T.Errorf("the page has added %s, the command line adds %s, %v", cid, want, err)
	}
	for path, content := range tree {
		got, err := c.Peers[2].Fetch("/ipfs/" + cid + "/" + (&url.URL{Path: path}).EscapedPath())
		if err != nil || !bytes.Equal(got, content) {
			b.T.Errorf("%s on another peer's gateway: %d bytes, %v", path, len(got), err)
		}
	}
	c.Acked(cid)
}

// addsByKeyboard uses the dialog of the input and the keyboard, and no mouse.
func addsByKeyboard(b *browser.Tab, c *itest.Cluster, page string) {
	dir := writeTree(b.T, map[string][]byte{"one.txt": []byte("one, by keyboard"), "d/two.txt": []byte("two"), "d/deep/er/three.txt": []byte("three")})
	b.Goto(page, 1280, "light")
	b.TabTo("#name")
	b.Key("k")
	b.TabTo("#version")
	b.Key("0")
	b.TabTo("#upload-files")
	b.Choose("#upload-files", filepath.Join(dir, "one.txt"))
	b.TabTo("#upload-folder")
	b.Choose("#upload-folder", filepath.Join(dir, "d"))
	says(b, live, ".chosen", "Chosen: 3 files")
	b.TabTo("button.main")
	b.Key("\r")
	says(b, time.Minute, "#outcome", "Added and pinned")
	if id := browser.Evaluate[string](b, "document.activeElement.id"); id != "outcome" {
		b.T.Errorf("the focus is on %q", id)
	}
	roots := browser.Evaluate[map[string]string](b, `Object.fromEntries([...document.querySelectorAll('#outcome tbody tr')].map(row =>
		[row.querySelector('th').textContent, row.querySelector('code').textContent]))`)
	one, err := c.Peers[1].Add([]byte("one, by keyboard"), "only-hash=true&pin=false")
	if err != nil || roots["one.txt"] != one || len(roots) != 2 || !strings.HasPrefix(one, "Qm") {
		b.T.Errorf("the page has added %q, the command line adds %s, %v", roots, one, err)
	}
	if got, err := c.Peers[2].Fetch("/ipfs/" + roots["d"] + "/deep/er/three.txt"); err != nil || string(got) != "three" {
		b.T.Errorf("another peer serves %q, %v", got, err)
	}
	for cid := range maps.Values(roots) {
		c.Acked(cid)
	}
	b.TabTo("#outcome a.pin")
	b.NoFaults()
}

// addsWithoutScripts sends the form as it is.
func addsWithoutScripts(b *browser.Tab, c *itest.Cluster, page string) {
	const name = `a "b" ü 100%.txt`
	dir := writeTree(b.T, map[string][]byte{name: []byte("without scripts"), "d/é/f": []byte("f")})
	b.NoScripts()
	b.Goto(page, 400, "light")
	b.Choose("#upload-files", filepath.Join(dir, name))
	b.Choose("#upload-folder", filepath.Join(dir, "d"))
	b.Click("#wrap")
	b.Click("button.main")
	says(b, time.Minute, "#outcome", "Added and pinned")
	b.Shoot("console-added-without-scripts")
	cid := strings.TrimPrefix(attribute(b, "#outcome a.pin", "href"), "/ui/pins/")
	for path, want := range map[string]string{name: "without scripts", "d/é/f": "f"} {
		if got, err := c.Peers[1].Fetch("/ipfs/" + cid + "/" + (&url.URL{Path: path}).EscapedPath()); err != nil || string(got) != want {
			b.T.Errorf("%s: %q, %v", path, got, err)
		}
	}
	c.Acked(cid)
}

// sparse makes a large file that takes no space.
func sparse(t testing.TB, size int64) string {
	t.Helper()
	path := filepath.Join(writeTree(t, map[string][]byte{"large": nil}), "large")
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	return path
}

func cancelsAdd(b *browser.Tab, page string) {
	b.Goto(page, 1280, "light")
	b.Choose("#upload-files", sparse(b.T, 4<<30))
	b.Click("button.main")
	says(b, live, ".sent", " of 4.0 GiB, file 1 of 1: large")
	b.Shoot("console-add-sending")
	b.Click(".cancel")
	says(b, live, "#outcome", "Cancelled.")
	if browser.Evaluate[bool](b, "document.querySelector('button.main').disabled") {
		b.T.Error("nothing can be added any more")
	}
}

// refusesAdd is told in words why nothing was added, also in the middle of a large upload.
func refusesAdd(b *browser.Tab, page string) {
	b.Goto(page, 1280, "light")
	b.Click("button.main")
	says(b, live, "#outcome", "Choose a file or a folder first.")
	b.Type("#replication", "99")
	b.Choose("#upload-files", sparse(b.T, 1<<30))
	b.Click("button.main")
	says(b, 40*time.Second, "#outcome", "Not added")
	if text := browser.Evaluate[string](b, "document.querySelector('#outcome').innerText"); !strings.Contains(text, "99") || !strings.Contains(text, "Nothing was stored.") {
		b.T.Errorf("the page says %q", text)
	}
	says(b, live, ".chosen", "Chosen: 1 file")
	b.Shoot("console-add-refused")
}

func addsWithoutLeader(b *browser.Tab, c *itest.Cluster, page string) {
	leader, others := leaderOf(b.T, c)
	rest := slices.DeleteFunc(append(others, leader), func(p *itest.Peer) bool { return p == c.Peers[0] })
	b.Goto(page, 1280, "light")
	for _, p := range rest {
		c.Kill(p)
	}
	b.Choose("#upload-files", sparse(b.T, 1000))
	b.Click("button.main")
	says(b, time.Minute, "#outcome", "Not added")
	b.Shoot("console-add-no-leader")
	b.T.Log(browser.Evaluate[string](b, "document.querySelector('#outcome').innerText"))
	for _, p := range rest {
		c.Restart(p)
	}
	c.AwaitReady(c.Peers...)
}
