package policy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/underlay/underlay/internal/testkit"
)

// serve runs a policy until the test ends, and fails the test if something of it is left then.
func serve(t *testing.T, o Options) *Policy {
	t.Helper()
	before := goleak.IgnoreCurrent()
	p := Open(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
		if o.Client != nil {
			o.Client.CloseIdleConnections()
		}
		goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("net/http/httptest.(*Server).goServe.func1"),
			goleak.IgnoreAnyFunction("net/http.(*conn).serve"))
	})
	return p
}

func (p *Policy) denies(t *testing.T, of string) bool {
	t.Helper()
	return p.Path(newPath(t, of)).Denied
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	testkit.Eventually(t, 20*time.Second, what, ok)
}

// Files are read at the start and while running: new, changed, gone. What is broken changes nothing.
func TestDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "denylists") // made later
	a, b := "/ipfs/"+rawCID(t, "a").String(), "/ipfs/"+rawCID(t, "b").String()
	p := serve(t, Options{Dirs: []string{dir}})
	if p.denies(t, a) {
		t.Fatal("denied by nothing")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	before := p.Generation()
	write(t, filepath.Join(dir, "one.deny"), a+"\n")
	write(t, filepath.Join(dir, "notes.txt"), b+"\n")
	eventually(t, "the new file is in force", func() bool { return p.denies(t, a) })
	if p.denies(t, b) || p.Generation() == before {
		t.Error("a file of another name is read, or the generation is the old one")
	}
	write(t, filepath.Join(dir, "one.deny"), a+"\n"+b)
	eventually(t, "the changed file is in force", func() bool { return p.denies(t, b) })
	write(t, filepath.Join(dir, "one.deny"), "<html>\n")
	write(t, filepath.Join(dir, "two.deny"), "/ipfs/"+rawCID(t, "c").String()+"\n")
	eventually(t, "the third file is in force", func() bool { return p.denies(t, "/ipfs/"+rawCID(t, "c").String()) })
	if !p.denies(t, a) {
		t.Error("a broken file took the place of a good one")
	}
	if err := os.Remove(filepath.Join(dir, "one.deny")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the file that is gone denies nothing", func() bool { return !p.denies(t, a) && !p.denies(t, b) })
}

// Other sources take the place of those before, which are followed no longer.
func TestSourcesAreReplaced(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	a, b, c := "/ipfs/"+rawCID(t, "a").String(), "/ipfs/"+rawCID(t, "b").String(), "/ipfs/"+rawCID(t, "c").String()
	write(t, filepath.Join(first, "one.deny"), a+"\n")
	write(t, filepath.Join(second, "one.deny"), b+"\n")
	list := newServer(t, "")
	p := serve(t, Options{Dirs: []string{first}, URLs: []string{list.URL}, Client: list.Client()})
	if err := p.SetEntries([]Entry{{Rule: c}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the list is fetched", func() bool { list.mu.Lock(); defer list.mu.Unlock(); return list.sent > 0 })
	p.Replace(Options{Dirs: []string{first}})
	p.Replace(Options{Dirs: []string{second}, Status: 451})
	eventually(t, "the second directory is in force", func() bool { return p.denies(t, b) && !p.denies(t, a) })
	if got := p.Path(newPath(t, b)).Status; got != 451 {
		t.Errorf("the status is %d", got)
	}
	if !p.denies(t, c) {
		t.Error("what the cluster denies is forgotten")
	}
	write(t, filepath.Join(second, "two.deny"), a+"\n")
	eventually(t, "the second directory is followed", func() bool { return p.denies(t, a) })
}

// server has a list that a test changes.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	answer  func(w http.ResponseWriter, list string)
	list    string
	sent    int // with content
	renewed int // not modified
}

func newServer(t *testing.T, list string) *server {
	t.Helper()
	s := &server{list: list}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.answer != nil {
			s.answer(w, s.list)
			return
		}
		tag := fmt.Sprintf(`"%s"`, hexHash(s.list))
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			s.renewed++
			w.WriteHeader(http.StatusNotModified)
			return
		}
		s.sent++
		io.WriteString(w, s.list)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) set(list string, answer func(w http.ResponseWriter, list string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list, s.answer = list, answer
}

func (s *server) counts() (sent, renewed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent, s.renewed
}

// A list is fetched again only when it has changed, and kept for a start without a network.
func TestSubscription(t *testing.T) {
	a, b := "/ipfs/"+rawCID(t, "a").String(), "/ipfs/"+rawCID(t, "b").String()
	s := newServer(t, a+"\n")
	o := Options{URLs: []string{s.URL}, Interval: 10 * time.Millisecond, Keep: filepath.Join(t.TempDir(), "kept"), Client: s.Client()}
	t.Run("fetched", func(t *testing.T) {
		p := serve(t, o)
		eventually(t, "the list is in force", func() bool { return p.denies(t, a) })
		eventually(t, "it was asked for again", func() bool { _, renewed := s.counts(); return renewed > 2 })
		if sent, _ := s.counts(); sent != 1 {
			t.Errorf("sent %d times", sent)
		}
		s.set(b+"\n", nil)
		eventually(t, "the next list is in force", func() bool { return p.denies(t, b) && !p.denies(t, a) })
	})
	t.Run("not sent again after a restart", func(t *testing.T) {
		before, renewed := s.counts()
		p := serve(t, o)
		if !p.denies(t, b) {
			t.Error("the list is not in force from the start")
		}
		eventually(t, "it was asked for", func() bool { _, now := s.counts(); return now > renewed })
		if sent, _ := s.counts(); sent != before {
			t.Error("it was sent again")
		}
	})
	t.Run("without a network", func(t *testing.T) {
		s.Close()
		p := serve(t, o)
		if !p.denies(t, b) {
			t.Error("the list that was kept is not in force")
		}
	})
}

// Whatever else comes from the URL leaves the list as it was, also on disk.
func TestBrokenSubscription(t *testing.T) {
	a := "/ipfs/" + rawCID(t, "a").String()
	for name, answer := range map[string]func(w http.ResponseWriter, list string){
		"error":     func(w http.ResponseWriter, _ string) { http.Error(w, "down", http.StatusInternalServerError) },
		"not found": func(w http.ResponseWriter, _ string) { http.NotFound(w, nil) },
		"page":      func(w http.ResponseWriter, _ string) { io.WriteString(w, "<html>\n<p>Log in first.</p>\n") },
		"nothing":   func(http.ResponseWriter, string) {},
		"a part":    func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusPartialContent) },
		"cut off": func(w http.ResponseWriter, _ string) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, "/ipfs/"+rawCID(t, "b").String()+"\n")
		},
		"cut off in a line": func(w http.ResponseWriter, _ string) {
			io.WriteString(w, "/ipfs/"+rawCID(t, "b").String()+"\n/ipfs/"+rawCID(t, "c").String())
		},
		"too large": func(w http.ResponseWriter, _ string) { io.WriteString(w, strings.Repeat("/ipfs/bafkqaaa\n", 100)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, a+"\n")
			o := Options{URLs: []string{s.URL}, Keep: t.TempDir(), Client: s.Client()}
			p := Open(o)
			sub := p.fetched[0]
			sub.limit = 1000
			if changed, err := sub.fetch(t.Context()); !changed || err != nil {
				t.Fatalf("first fetch: %t, %v", changed, err)
			}
			p.renew()
			s.set("", answer)
			if changed, next := sub.refresh(t.Context()); changed || next != firstRetry {
				t.Errorf("changed: %t, next attempt in %s", changed, next)
			}
			if changed, next := sub.refresh(t.Context()); changed || next != 2*firstRetry {
				t.Errorf("again: changed: %t, next attempt in %s", changed, next)
			}
			p.renew()
			if !p.denies(t, a) || !Open(o).denies(t, a) {
				t.Error("the good list is not in force any more, or not kept")
			}
		})
	}
}

// A list that was damaged on disk is fetched anew, though the server has no other.
func TestKeptListDamaged(t *testing.T) {
	a := "/ipfs/" + rawCID(t, "a").String()
	s := newServer(t, a+"\n")
	o := Options{URLs: []string{s.URL}, Keep: t.TempDir(), Client: s.Client()}
	sub := Open(o).fetched[0]
	if _, err := sub.fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, sub.file, "\x00\x00\x00\n")
	p := Open(o)
	if p.denies(t, a) {
		t.Fatal("the damaged list is in force")
	}
	if changed, err := p.fetched[0].fetch(t.Context()); !changed || err != nil {
		t.Fatalf("fetch: %t, %v", changed, err)
	}
	if !Open(o).denies(t, a) {
		t.Error("the list is not mended")
	}
}

// A client that follows https does not end at http.
func TestNoWayBackToHTTP(t *testing.T) {
	plain := newServer(t, "/ipfs/"+rawCID(t, "a").String()+"\n")
	tls := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	t.Cleanup(tls.Close)
	client := newClient()
	client.Transport = tls.Client().Transport
	if _, _, err := fetch(t.Context(), client, tls.URL, tag{}, maxListBytes); err == nil || !strings.Contains(err.Error(), errInsecure.Error()) {
		t.Errorf("fetched: %v", err)
	}
}

// The cluster's entries come first, hold below a path too, and may have any characters in them.
func TestEntries(t *testing.T) {
	dir := t.TempDir()
	root := "/ipfs/" + rawCID(t, "a").String()
	write(t, filepath.Join(dir, "exempt.deny"), "+"+root+"/dir/good\n")
	p := Open(Options{Dirs: []string{dir}, Status: legal})
	if err := p.SetEntries([]Entry{{Rule: root + "/dir"}, {Rule: root + "/a b*c+d%20", Status: 410}, {Rule: "/ipns/example.org", Status: legal}}); err != nil {
		t.Fatal(err)
	}
	for of, status := range map[string]int{
		root: 0, root + "/dir": legal, root + "/dir/good": legal, root + "/dir/a/b": legal, root + "/dirt": 0,
		root + "/a b*c+d%20": 410, root + "/a b*c+d%20/e": 410, root + "/a b": 0, root + "/a bxc d ": 0,
		"/ipns/example.org/x": legal,
	} {
		if v := p.Path(newPath(t, of)); v.Status != status || v.Denied != (status != 0) {
			t.Errorf("%s: %+v", of, v)
		}
	}
	before := p.Generation()
	err := p.SetEntries([]Entry{{Rule: "nonsense"}, {Rule: "/ipfs/nonsense"}, {Rule: root}})
	if err == nil || strings.Count(err.Error(), "nonsense") != 2 {
		t.Errorf("entries that are no rules: %v", err)
	}
	if !p.denies(t, root) || p.denies(t, "/ipns/example.org") || p.Generation() == before {
		t.Error("the entries that are rules did not take the place of those before")
	}
	if err := p.SetEntries(nil); err != nil || p.denies(t, root) {
		t.Errorf("no entries: %v", err)
	}
}
