package uitest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/browser"
	"github.com/underlay/underlay/internal/itest"
)

// odd is a name that is hard to pass on.
const odd = `a "b" <i>&amp; 100%25 #?+ü;=`

// What is done with the cluster's files on the pages of one peer is there on every other.
func TestFiles(t *testing.T) {
	b := browser.Open(t)
	script := axe(t)
	c := itest.Start(t)
	page := c.Peers[0].API + "/ui/files"

	t.Run("folder", func(t *testing.T) { makesFolder(b.In(t), c, page) })
	t.Run("upload", func(t *testing.T) { uploads(b.In(t), c, page) })
	shot{"files", page, "Entries", script}.check(t, b)
	shot{"files-folder", pageOf(page, "/"+odd), "photos", script}.check(t, b)
	shot{"files-file", pageOf(page, "/"+odd+"/one.txt"), "Download", script}.check(t, b)
	t.Run("rename", func(t *testing.T) { renamesByKeyboard(b.In(t), c, page, script) })
	t.Run("remove", func(t *testing.T) { removes(b.In(t), c, page) })
	t.Run("without scripts", func(t *testing.T) { changesWithoutScripts(b.In(t), c, page) })
	t.Run("large folder", func(t *testing.T) { looksAtLargeFolder(b.In(t), c, page, script) })
}

func pageOf(page, path string) string { return page + "?" + url.Values{"path": {path}}.Encode() }

// listed waits until a peer shows these entries of a folder, and no others.
func listed(t testing.TB, p *itest.Peer, dir string, want ...string) {
	t.Helper()
	itest.Eventually(t, live, func() error {
		answer, err := p.RPC("files/ls", "arg="+dir) // which may have an equals sign
		if err != nil {
			return err
		}
		var got struct{ Entries []struct{ Name string } }
		if err := json.Unmarshal([]byte(answer), &got); err != nil {
			return err
		}
		missing := make(map[string]bool)
		for _, name := range want {
			missing[name] = true
		}
		for _, e := range got.Entries {
			if !missing[e.Name] {
				return fmt.Errorf("there is a %q in %s", e.Name, dir)
			}
			delete(missing, e.Name)
		}
		if len(missing) > 0 {
			return fmt.Errorf("%v is missing in %s", missing, dir)
		}
		return nil
	})
}

func makesFolder(b *browser.Tab, c *itest.Cluster, page string) {
	b.Goto(page, 1280, "light")
	says(b, live, "main", "This folder is empty.")
	b.Type("#new-folder", odd+"\r")
	says(b, live, "tbody", odd)
	listed(b.T, c.Peers[1], "/", odd)
	b.Type("#new-folder", odd+"\r")
	says(b, live, "#new-folder-fault", "already")
	itest.Eventually(b.T, live, func() error {
		if typed := browser.Evaluate[string](b, "document.activeElement.value ?? ''"); typed != odd {
			return fmt.Errorf("the field with the focus has %q", typed)
		}
		return nil
	})
	b.Shoot("console-files-refused")
	b.Click("tbody th a")
	says(b, live, ".crumbs", odd)
}

func uploads(b *browser.Tab, c *itest.Cluster, page string) {
	dir := writeTree(b.T, map[string][]byte{
		"one.txt": []byte("one"), odd: []byte("odd"), "photos/in ner/two.txt": []byte("two"), "photos/nothing/": nil, "photos/empty": {},
	})
	b.Goto(pageOf(page, "/"+odd), 1280, "light")
	b.Choose("#upload-files", filepath.Join(dir, "one.txt"), filepath.Join(dir, odd))
	b.Click("form.upload button[type=submit]")
	says(b, time.Minute, "tbody", "one.txt")
	b.Drop("form.upload", filepath.Join(dir, "photos"))
	says(b, live, ".chosen", "Chosen: 3 files")
	b.Click("form.upload button[type=submit]")
	says(b, time.Minute, "tbody", "photos")
	listed(b.T, c.Peers[1], "/"+odd, "one.txt", odd, "photos")
	listed(b.T, c.Peers[2], "/"+odd+"/photos", "in ner", "nothing", "empty")
	listed(b.T, c.Peers[2], "/"+odd+"/photos/nothing")
	for path, want := range map[string]string{"/" + odd: "odd", "/photos/in ner/two.txt": "two", "/photos/empty": ""} {
		if got, err := c.Peers[1].RPC("files/read", "arg=/"+odd+path); err != nil || got != want {
			b.T.Errorf("%s: %q, %v", path, got, err)
		}
	}
	b.Choose("#upload-files", filepath.Join(dir, "one.txt"))
	b.Click("form.upload button[type=submit]")
	says(b, live, "#outcome", "one.txt already")
	b.NoFaults()
	open := browser.Evaluate[string](b, "[...document.querySelectorAll('tbody tr')].find(row => row.innerText.startsWith('one.txt')).querySelector('a.open').href")
	resp, err := http.Get(strings.Replace(open, c.Peers[0].Gateway, c.Peers[1].Gateway, 1))
	if err != nil {
		b.T.Fatal(err)
	}
	defer resp.Body.Close()
	if content, err := io.ReadAll(resp.Body); err != nil || string(content) != "one" {
		b.T.Errorf("%s on another peer: %q, %v", open, content, err)
	}
}

// renamesByKeyboard goes from the list to the file, renames it, meets an error, and moves it.
func renamesByKeyboard(b *browser.Tab, c *itest.Cluster, page, script string) {
	b.Goto(pageOf(page, "/"+odd), 1280, "light")
	b.TabTo(`tbody th a[href*="one.txt"]`)
	b.Press("\r")
	b.TabTo("summary")
	b.Key("\r")
	b.TabTo("#to")
	browser.Evaluate[bool](b, "document.activeElement.select(), true")
	b.Type("#to", "photos")
	b.Press("\r")
	says(b, live, "#to-fault", "already")
	shot{axe: script}.checkAccessible(b)
	browser.Evaluate[bool](b, "document.activeElement.select(), true")
	b.Type("#to", "zw ei%.txt")
	b.Press("\r")
	says(b, live, ".crumbs", "zw ei%.txt")
	listed(b.T, c.Peers[1], "/"+odd, "zw ei%.txt", odd, "photos")
	b.TabTo("summary")
	b.Key("\r")
	b.TabTo("#to")
	browser.Evaluate[bool](b, "document.activeElement.select(), true")
	b.Type("#to", "photos/in ner/")
	b.Press("\r")
	says(b, live, ".crumbs", "in ner")
	listed(b.T, c.Peers[2], "/"+odd+"/photos/in ner", "zw ei%.txt", "two.txt")
}

func removes(b *browser.Tab, c *itest.Cluster, page string) {
	b.Goto(pageOf(page, "/"+odd+"/photos"), 1280, "light")
	b.Click("details:last-of-type summary")
	says(b, live, "details:last-of-type", "all 3 entries in it")
	b.Shoot("console-files-remove")
	b.Click("button.grave")
	says(b, live, "h2#entries ~ table tbody", odd)
	listed(b.T, c.Peers[2], "/"+odd, odd)
	b.Click("tbody th a")
	says(b, live, ".crumbs", odd)
	b.Click("details:last-of-type summary")
	b.Click("button.grave")
	says(b, live, "main", "This folder is empty.")
	listed(b.T, c.Peers[1], "/"+odd)
}

func changesWithoutScripts(b *browser.Tab, c *itest.Cluster, page string) {
	dir := writeTree(b.T, map[string][]byte{"plain ü.txt": []byte("plain")})
	b.NoScripts()
	b.Goto(pageOf(page, "/"+odd), 400, "light")
	b.Choose("#upload-files", filepath.Join(dir, "plain ü.txt"))
	b.Click("form.upload button[type=submit]")
	says(b, live, "tbody", "plain ü.txt")
	listed(b.T, c.Peers[1], "/"+odd, "plain ü.txt")
	b.Click("tbody th a")
	says(b, live, ".crumbs", "plain ü.txt")
	b.Click("details summary")
	b.Type("#to", "2\r")
	says(b, live, ".crumbs", "2plain ü.txt")
	b.Click("details:last-of-type summary")
	b.Click("button.grave")
	says(b, live, "main", "This folder is empty.")
	listed(b.T, c.Peers[2], "/"+odd)
}

// looksAtLargeFolder measures how long the pages of ten thousand entries take.
func looksAtLargeFolder(b *browser.Tab, c *itest.Cluster, page, script string) {
	const n = 10_000
	tree := make(map[string][]byte)
	for i := range n {
		tree[fmt.Sprintf("file %05d", i)] = fmt.Appendf(nil, "content %d", i)
	}
	cid, err := c.Peers[0].AddTree(tree)
	if err != nil {
		b.T.Fatal(err)
	}
	c.Acked(cid)
	if _, err := c.Peers[0].RPC("files/cp", "/ipfs/"+cid, "/large"); err != nil {
		b.T.Fatal(err)
	}
	for _, again := range []string{"first", "again"} {
		began := time.Now()
		b.Goto(pageOf(page, "/large"), 1280, "light")
		b.T.Logf("the page of %d entries, %s: %s, %d bytes", n, again, time.Since(began).Round(time.Millisecond), b.Weight())
	}
	says(b, live, ".pager", "Entries 1 to 100 of 10\u202f000")
	b.Click(".pager a[rel=next]")
	says(b, live, "tbody", "file 00100")
	shot{axe: script}.checkAccessible(b)
	b.Shoot("console-files-large")
}

// Who may only look is shown everything and offered nothing; whoever has used up a quota is told so.
func TestWhoMayChangeFiles(t *testing.T) {
	b := browser.Open(t)
	c := itest.Start(t)
	_, admin, err := c.Peers[0].MakeToken("administrator", `"admin"`)
	if err != nil {
		t.Fatal(err)
	}
	c.As(admin)
	if err := c.Peers[1].WriteFile("/f", []byte("content")); err != nil {
		t.Fatal(err)
	}
	page := c.Peers[0].API + "/ui/"

	t.Run("reader", func(t *testing.T) {
		_, token, err := c.Peers[0].MakeToken("reader", `"read"`)
		if err != nil {
			t.Fatal(err)
		}
		b := b.In(t)
		b.SignIn("anybody", token)
		for _, path := range []string{"add", "files", "files?path=/f"} {
			b.Goto(page+path, 1280, "light")
			if n := browser.Evaluate[int64](b, "document.querySelectorAll('form, summary, input').length"); n > 0 {
				t.Errorf("%s offers %d things", path, n)
			}
		}
		says(b, live, ".crumbs", "f")
		b.Shoot("console-files-reader")
	})
	t.Run("quota", func(t *testing.T) {
		b := browser.Open(t) // which has not signed in yet
		b.SignIn("anybody", limitedToken(t, c.Peers[0], admin))
		b.Goto(page+"add", 1280, "light")
		b.Choose("#upload-files", sparse(t, 5<<20))
		b.Click("button.main")
		says(b, time.Minute, "#outcome", "Not added")
		b.Shoot("console-add-quota")
		if status := b.StatusOf("/ui/add"); status != http.StatusInsufficientStorage {
			t.Errorf("status %d", status)
		}
		says(b, live, "#outcome", "max_bytes")
		says(b, live, "#outcome", "1 file or folder was stored before that")
	})
}

// limitedToken makes a token that may add little.
func limitedToken(t *testing.T, p *itest.Peer, admin string) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, p.REST+"/access/tokens", strings.NewReader(`{"name": "little", "scopes": ["add", "pin"], "max_bytes": 1500}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+admin)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var made struct{ Token string }
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil || made.Token == "" {
		t.Fatalf("%s, %v", resp.Status, err)
	}
	return made.Token
}
