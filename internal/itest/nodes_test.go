package itest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// unreachableHeader names, in an answer, the peers that had no part in it.
const unreachableHeader = "X-Underlay-Unreachable"

// command calls one of the RPC API at a base URL, and tells who answered. A peer is named in the request if it is not empty.
func command(base, peer, command string, args ...string) (body, answeredBy string, err error) {
	client := newClient()
	defer client.CloseIdleConnections()
	return callCommand(client, base, peer, command, args)
}

// nodeID is the identity of the IPFS node that answers.
func nodeID(t *testing.T, base, peer string) (id, answeredBy string) {
	t.Helper()
	body, answeredBy, err := command(base, peer, "id")
	if err != nil {
		t.Fatal(err)
	}
	var node struct{ ID string }
	if err := json.Unmarshal([]byte(body), &node); err != nil {
		t.Fatal(err)
	}
	return node.ID, answeredBy
}

// Through the balancer, which takes turns, a request reaches the peer that it names, and every answer says who gave it.
func TestAPeerIsAddressedThroughTheBalancer(t *testing.T) {
	c := Start(t)
	b := c.Balance()
	seen := make(map[string]bool)
	for range 2 * len(c.Peers) {
		_, answeredBy := nodeID(t, b.API, "")
		seen[answeredBy] = true
	}
	if len(seen) != len(c.Peers) {
		t.Errorf("without a name %v answered", seen)
	}
	for _, p := range c.Peers {
		own, _ := nodeID(t, p.API, "")
		for range len(c.Peers) { // whoever the balancer hands it to
			for _, name := range []string{p.ID, p.Name} {
				if id, answeredBy := nodeID(t, b.API, name); id != own || answeredBy != p.ID {
					t.Errorf("for %s the node %s of %s answers", name, id, answeredBy)
				}
			}
		}
	}
	var refused *StatusError
	if _, _, err := command(b.API, "nobody", "id"); !errors.As(err, &refused) || refused.Code != http.StatusBadRequest || !strings.Contains(refused.Body, "nobody") {
		t.Errorf("for a name that nobody has: %v", err)
	}
	addThroughAnother(t, c, b)

	c.Kill(c.Peers[2])
	if _, _, err := command(c.Peers[0].API, c.Peers[2].Name, "id"); !errors.As(err, &refused) || refused.Code != http.StatusServiceUnavailable {
		t.Errorf("for a peer that is down: %v", err)
	}
}

// addThroughAnother uploads some megabytes to the peer that it names, by way of another, with progress as it goes.
func addThroughAnother(t *testing.T, c *Cluster, b *Balancer) {
	t.Helper()
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<19)
	body, write := io.Pipe()
	form := multipart.NewWriter(write)
	go func() {
		part, err := form.CreateFormFile("file", "file")
		if err == nil {
			_, err = part.Write(content)
		}
		_ = write.CloseWithError(errors.Join(err, form.Close())) // it returns nil
	}()
	req, err := http.NewRequest(http.MethodPost, c.Peers[0].API+"/api/v0/add?progress=true", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.Header.Set(peerHeader, c.Peers[1].Name)
	resp, err := b.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := readAnswer(resp)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(answer)), "\n")
	var added struct{ Hash string }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &added); err != nil || len(lines) < 3 {
		t.Fatalf("%d lines, the last is %q: %v", len(lines), lines[len(lines)-1], err)
	}
	c.Acked(added.Hash)
	got, err := c.Peers[2].Fetch("/ipfs/" + added.Hash)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("the third peer's gateway serves %d bytes, %v", len(got), err)
	}
}

// For a client the cluster is the local node: what is put through one peer and pinned nowhere is listed, read offline,
// pinned offline and removed through the others.
func TestUnpinnedBlocksAreThoseOfTheCluster(t *testing.T) {
	c := Start(t)
	first, second, third := c.Peers[0], c.Peers[1], c.Peers[2]
	put := func(name string) (cid string) {
		t.Helper()
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte("block "+name), 0o600); err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(IPFS(t, "--api", Multiaddr(first.API), "block", "put", file))
	}
	loose, kept := put("loose"), put("kept")
	if got, err := second.RPC("block/get", loose, "offline=true"); err != nil || got != "block loose" {
		t.Errorf("block get: %q, %v", got, err)
	}
	if got, err := third.RPC("cat", loose, "offline=true"); err != nil || got != "block loose" {
		t.Errorf("cat: %q, %v", got, err)
	}
	if refs := IPFS(t, "--api", Multiaddr(second.API), "refs", "local"); strings.Count(refs, loose+"\n") != 1 {
		t.Errorf("refs local: %d times", strings.Count(refs, loose+"\n"))
	}
	if _, err := third.RPC("pin/add", kept, "offline=true"); err != nil {
		t.Errorf("pin add: %v", err)
	}
	c.Acked(kept)
	if got := IPFS(t, "--api", Multiaddr(second.API), "block", "rm", loose); got != "removed "+loose+"\n" {
		t.Errorf("block rm: %q", got)
	}
	if got, err := second.RPC("block/rm", kept); err != nil || !strings.Contains(got, "pinned: recursive") {
		t.Errorf("block rm of a pin: %s, %v", got, err)
	}
	for _, p := range c.Peers {
		if _, err := p.RPC("block/get", loose, "offline=true"); err == nil || !strings.Contains(err.Error(), "block was not found locally") {
			t.Errorf("after its removal, through %s: %v", p.Name, err)
		}
		if got, err := p.RPC("block/get", kept, "offline=true"); err != nil || got != "block kept" {
			t.Errorf("the pinned block, through %s: %q, %v", p.Name, got, err)
		}
	}
}

// holdsBlock tells whether the node of a peer by itself has a block.
func holdsBlock(p *Peer, cid string) error {
	_, _, err := command(p.API, p.ID, "block/stat", cid, "offline=true")
	return err
}

// A collection right after an unpin removes the blocks from all peers, whichever was asked for the one and for the other.
func TestCollectionFollowsAnUnpinThroughAnotherPeer(t *testing.T) {
	c := Start(t)
	first, second, third := c.Peers[0], c.Peers[1], c.Peers[2]
	kept, err := first.Add([]byte("kept"), "cid-version=1")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(kept)
	for name, collect := range map[string]func(*Peer) (string, error){
		"repo gc": func(p *Peer) (string, error) { return p.RPC("repo/gc") },
		"POST /ipfs/gc": func(p *Peer) (string, error) {
			answer, err := p.Do(http.MethodPost, "/ipfs/gc")
			return string(answer), err
		},
	} {
		for i := range 6 {
			gone, err := c.Peers[i%3].Add(fmt.Append(nil, name, i), "cid-version=1")
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range c.Peers {
				Eventually(t, 10*time.Second, func() error { return holdsBlock(p, gone) })
			}
			if _, err := c.Peers[(i+1)%3].RPC("pin/rm", gone); err != nil {
				t.Fatal(err)
			}
			removed, err := collect(c.Peers[(i+2)%3])
			if times := strings.Count(removed, gone); err != nil || times == 0 || name == "repo gc" && times > 1 {
				t.Errorf("%s reports %q, %v", name, removed, err)
			}
			for _, p := range c.Peers {
				if holdsBlock(p, gone) == nil {
					t.Errorf("%s: %s still has what was unpinned before", name, p.Name)
				}
				if err := holdsBlock(p, kept); err != nil {
					t.Errorf("%s: %s has lost what is pinned: %v", name, p.Name, err)
				}
			}
		}
	}

	loose, err := second.Add([]byte("loose"), "pin=false&cid-version=1")
	if err != nil {
		t.Fatal(err)
	}
	c.Kill(third)
	if _, err := first.RPC("repo/gc"); err == nil || !strings.Contains(err.Error(), third.ID) {
		t.Errorf("a collection without a peer ends with %v", err)
	}
	if holdsBlock(second, loose) == nil {
		t.Error("a peer that can be reached was not collected")
	}
}

// The cluster is as large as one node that holds the same.
func TestRepoStatIsThatOfOneNode(t *testing.T) {
	c := Start(t)
	type stat struct {
		RepoSize, StorageMax, NumObjects uint64
		RepoPath, Version                string
	}
	measure := func(p *Peer, args ...string) (s stat, missing string) {
		t.Helper()
		resp, err := p.http.Post(p.API+"/api/v0/repo/stat?"+strings.Join(args, "&"), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		missing = resp.Header.Get(unreachableHeader)
		body, err := readAnswer(resp)
		if err == nil {
			err = json.Unmarshal(body, &s)
		}
		if err != nil {
			t.Fatal(err)
		}
		return s, missing
	}
	const size = 4 << 20
	content := make([]byte, 0, size)
	for i := 0; len(content) < size; i++ {
		content = fmt.Appendf(content, "%016d", i)
	}
	cid, err := c.Peers[1].Add(content, "")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(cid)
	for _, p := range c.Peers {
		Eventually(t, 20*time.Second, func() error { // the last peer may still fetch
			all, missing := measure(p)
			one, _ := measure(p, "peer="+c.Peers[1].Name) // it has besides what only an add leaves behind
			if all.NumObjects != one.NumObjects || all.StorageMax != one.StorageMax || all.Version != one.Version || all.RepoPath == "" || missing != "" {
				return fmt.Errorf("%s: %+v, of one peer %+v, unreachable %q", p.Name, all, one, missing)
			}
			if all.RepoSize < size || all.RepoSize > 2*size {
				return fmt.Errorf("%s: %d bytes after %d were added", p.Name, all.RepoSize, size)
			}
			return nil
		})
	}
	c.Pause(c.Peers[2]) // nobody hangs up: it only does not answer
	if _, missing := measure(c.Peers[0]); missing != c.Peers[2].ID {
		t.Errorf("with a frozen peer, unreachable is %q", missing)
	}
	c.Resume(c.Peers[2])
	c.Kill(c.Peers[2])
	if _, missing := measure(c.Peers[0]); missing != c.Peers[2].ID {
		t.Errorf("without a peer, unreachable is %q", missing)
	}
}
