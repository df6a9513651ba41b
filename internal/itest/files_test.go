package itest

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// Whoever writes a file through a balancer in front of three peers, and reads it at once, reads what was written.
func TestFilesThroughBalancer(t *testing.T) {
	c := Start(t)
	lb := c.balanced()
	const pairs = 1000
	writeThenRead := trip{"files", func(w, r *Peer, label string) error {
		if err := w.WriteFile("/pairs/"+label, []byte(label)); err != nil {
			return err
		}
		return steps(
			func() error { return r.reads(label, "files/read", "/pairs/"+label) },
			func() error { return r.reads(label, "files/ls", "/pairs") },
		)
	}}
	began := time.Now()
	if err := travel(writeThenRead, []*Peer{lb}, 4, pairs); err != nil {
		t.Error(err)
	}
	t.Logf("%d pairs in %s", pairs, time.Since(began))
	for _, p := range c.Peers {
		list, err := p.RPC("files/ls", "/pairs")
		if n := strings.Count(list, `"Name"`); err != nil || n != pairs {
			t.Errorf("%s lists %d files, want %d: %v", p.Name, n, pairs, err)
		}
	}
	Eventually(t, 30*time.Second, c.checkFilesHeld)
}

// A change through any peer is seen at once through every other, also one that is not flushed.
func TestFilesAreOneFileSystem(t *testing.T) {
	c := Start(t)
	for i, p := range c.Peers {
		q := c.Peers[(i+1)%3]
		r := c.Peers[(i+2)%3]
		dir := fmt.Sprintf("/of-%s", p.Name)
		for _, step := range []func() error{
			func() error { _, err := p.RPC("files/mkdir", dir, "flush=false"); return err },
			func() error { return q.reads(`"Entries":null`, "files/ls", dir) },
			func() error { return q.WriteFile(dir+"/f", []byte("one")) },
			func() error { return r.reads("one", "files/read", dir+"/f") },
			func() error { _, err := r.RPC("files/cp", dir+"/f", dir+"/g"); return err },
			func() error { return p.reads("one", "files/read", dir+"/g") },
			func() error { _, err := p.Upload("add?pin=false&to-files="+dir+"/added", []byte("added")); return err },
			func() error { return q.reads("added", "files/read", dir+"/added") },
			func() error { _, err := q.RPC("files/mv", dir+"/added", dir+"/moved"); return err },
			func() error { return r.reads("moved", "files/ls", dir) },
			func() error { _, err := r.RPC("files/rm", dir+"/g"); return err },
		} {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := p.ReadFile(dir + "/g"); !refusedFile(err, "file does not exist") {
			t.Errorf("a removed file is read through %s: %v", p.Name, err)
		}
	}
	Eventually(t, 30*time.Second, c.checkFilesHeld)
}

// Collections on all peers at once, while files are written and after restarts, take nothing of the files.
func TestCollectionsSpareFiles(t *testing.T) {
	c := Start(t)
	contents := make(map[string][]byte)
	var mu sync.Mutex
	quit := make(chan struct{})
	var all sync.WaitGroup
	collections := make([]int, len(c.Peers))
	for i, p := range c.Peers {
		all.Go(func() {
			for {
				select {
				case <-quit:
					return
				default:
				}
				if err := p.Collect(); err != nil {
					t.Error(err)
					return
				}
				collections[i]++
			}
		})
	}
	var writers sync.WaitGroup
	for i, p := range c.Peers {
		writers.Go(func() {
			for n := range scaled(15, 150) {
				content := randomContent(uint64(1000*i+n), 1+n*40_000)
				path := fmt.Sprintf("/kept/%s/%d", p.Name, n)
				var err error
				if n%3 == 0 {
					_, err = p.Upload(fmt.Sprintf("add?pin=false&cid-version=1&to-files=/%s-%d", p.Name, n), content)
					path = fmt.Sprintf("/%s-%d", p.Name, n)
				} else {
					err = p.WriteFile(path, content)
				}
				if err != nil {
					t.Errorf("write %s: %v", path, err)
					return
				}
				mu.Lock()
				contents[path] = content
				mu.Unlock()
			}
		})
	}
	writers.Wait()
	close(quit)
	all.Wait()
	t.Logf("%d files, collections %v", len(contents), collections)
	check := func() {
		t.Helper()
		Eventually(t, time.Minute, c.checkFilesHeld)
		for _, p := range c.Peers {
			if err := p.Collect(); err != nil {
				t.Error(err)
			}
		}
		if err := c.checkFilesHeld(); err != nil {
			t.Errorf("after a collection: %v", err)
		}
		for path, content := range contents {
			for _, p := range c.Peers {
				if got, err := p.ReadFile(path); err != nil || !bytes.Equal([]byte(got), content) {
					t.Errorf("%s through %s: %d bytes, want %d: %v", path, p.Name, len(got), len(content), err)
				}
			}
		}
	}
	check()
	c.KillAll(c.Peers...)
	for _, p := range c.Peers {
		c.Restart(p)
	}
	c.AwaitReady(c.Peers...)
	check()
}

// A peer that was away, and one that has lost all blocks of the files, come to hold them.
func TestPeerCatchesUpWithFiles(t *testing.T) {
	c := Start(t)
	away := c.others(c.leader())[0]
	c.Kill(away)
	for n := range 5 {
		if err := c.others(away)[n%2].WriteFile(fmt.Sprintf("/away/%d", n), randomContent(uint64(n), 600_000)); err != nil {
			t.Fatal(err)
		}
	}
	c.Restart(away)
	c.AwaitReady(away)
	if err := away.Collect(); err != nil { // it comes first to what it shall spare
		t.Error(err)
	}
	Eventually(t, time.Minute, c.checkFilesHeld)
}

// After a long list of a large directory the tree is looked at as fast as before.
func TestLongListOfManyFiles(t *testing.T) {
	c := Start(t)
	const entries = 10_000
	dir := t.TempDir()
	for n := range entries {
		if err := os.WriteFile(fmt.Sprintf("%s/%d", dir, n), fmt.Append(nil, n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cid := lastLine(IPFS(t, "--api", Multiaddr(c.Peers[0].API), "add", "-r", "-Q", "--pin=false", dir))
	if _, err := c.Peers[1].RPC("files/cp", "/ipfs/"+cid, "/many"); err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Peers {
		list, err := p.RPC("files/ls", "/many", "long=true")
		if n := strings.Count(list, `"Name"`); err != nil || n != entries {
			t.Errorf("%s lists %d entries: %v", p.Name, n, err)
		}
		began := time.Now()
		if _, err := p.RPC("files/stat", "/"); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("a look at the root took %s after a long list", took)
		}
	}
}
