package itest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

// neverAdded is content that nobody has: its CID is the hash of nothing that was ever written.
const neverAdded = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"

// chatter returns how many messages of bitswap all peers have got: what is asked of the wider network adds to it.
func (c *Cluster) chatter() (messages int) {
	c.t.Helper()
	for _, p := range c.Peers {
		out, err := p.Own("bitswap/stat")
		if err != nil {
			c.t.Fatal(err)
		}
		var stat struct{ MessagesReceived, BlocksReceived int }
		if err := json.Unmarshal([]byte(out), &stat); err != nil {
			c.t.Fatal(err)
		}
		messages += stat.MessagesReceived + stat.BlocksReceived
	}
	return messages
}

// expectSilence checks that nothing was looked for in the wider network since there were so many messages. Nodes have a word
// for each other now and then; a search adds a message for each block at least.
func (c *Cluster) expectSilence(before int) {
	c.t.Helper()
	if n := c.chatter() - before; n > 4 {
		c.t.Errorf("the wider network was asked: %d messages", n)
	}
}

// addOnOne pins content on the first peer alone.
func (c *Cluster) addOnOne(content []byte) string {
	c.t.Helper()
	cid, err := c.Peers[0].Add(content, "cid-version=1")
	if err != nil {
		c.t.Fatal(err)
	}
	c.Acked(cid)
	Eventually(c.t, 20*time.Second, func() error { return c.Peers[0].PinnedEverywhere(cid, 1) })
	return cid
}

// firstByte asks for a path and returns the time to the first byte of the answer.
func (p *Peer) firstByte(path string) (time.Duration, int, error) {
	began := time.Now()
	resp, err := p.http.Get(p.Gateway + path)
	if err != nil {
		return 0, 0, err
	}
	var first [1]byte
	_, err = resp.Body.Read(first[:])
	took := time.Since(began)
	if err != nil && resp.StatusCode != http.StatusOK {
		err = nil
	}
	return took, resp.StatusCode, errors.Join(err, resp.Body.Close())
}

// What one peer alone holds comes from it through every gateway, at once, and nobody else is asked.
func TestGatewayAsksTheClusterFirst(t *testing.T) {
	c := Start(t, "--config", settingsOf(t, "cluster: {replication_min: 1, replication_max: 1}\n"))
	var cids []string
	for n := range 40 {
		cids = append(cids, c.addOnOne(randomContent(uint64(n), 4096+n*10_000)))
	}
	before := c.chatter()
	var times []time.Duration
	for n, cid := range cids {
		took, status, err := c.Peers[1+n%2].firstByte("/ipfs/" + cid)
		if err != nil || status != http.StatusOK {
			t.Fatalf("%s: status %d, %v", cid, status, err)
		}
		times = append(times, took)
	}
	slices.Sort(times)
	p50 := times[len(times)/2]
	t.Logf("first byte from another peer's store: p50 %s, p95 %s, most %s", p50, times[len(times)*95/100], times[len(times)-1])
	if p50 > 500*time.Millisecond {
		t.Errorf("p50 is %s", p50)
	}
	fresh := c.addOnOne(randomContent(uint64(len(cids)), 5000))
	for _, p := range c.Peers { // what one holds is in the cache of the cluster
		for path, want := range map[string]int{"/ipfs/" + fresh: http.StatusOK, "/ipfs/" + neverAdded: http.StatusPreconditionFailed} {
			if status, err := p.onlyIfCached(path); err != nil || status != want {
				t.Errorf("%s, only if cached, from %s: status %d, %v", path, p.Name, status, err)
			}
		}
	}
	c.expectSilence(before)
	for _, p := range c.Peers[1:] {
		p.expectNoBitswap(t)
	}
	c.expectChatter()
}

// onlyIfCached asks for what is at hand, and returns the status.
func (p *Peer) onlyIfCached(path string) (int, error) {
	req, err := http.NewRequest(http.MethodGet, p.Gateway+path, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Cache-Control", "only-if-cached")
	resp, err := p.http.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// expectChatter checks that there are messages to count once something is asked that no member has.
func (c *Cluster) expectChatter() {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Peers[1].Gateway+"/ipfs/"+neverAdded, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if resp, err := c.Peers[1].http.Do(req); err == nil { // it is cancelled before there is an answer
			resp.Body.Close()
		}
	}()
	defer func() {
		cancel()
		<-ended
	}()
	before := c.chatter()
	Eventually(c.t, 20*time.Second, func() error {
		if c.chatter() == before {
			return errors.New("nobody hears that something is looked for")
		}
		return nil
	})
}

// With gateway.pinned_only what the cluster holds is served by every peer, whoever holds it, and nothing else, soon.
func TestGatewayServesOnlyWhatIsPinned(t *testing.T) {
	c := Start(t, "--config", settingsOf(t, "cluster: {replication_min: 1, replication_max: 1}\ngateway: {pinned_only: true}\n"))
	tree, err := c.Peers[0].AddTree(map[string][]byte{"docs/large": randomContent(1, 3<<20), "docs/note": []byte("a note\n")})
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(tree)
	large, err := c.Peers[0].RPC("resolve", "/ipfs/"+tree+"/docs/large")
	if err != nil {
		t.Fatal(err)
	}
	var resolved struct{ Path string }
	if err := json.Unmarshal([]byte(large), &resolved); err != nil {
		t.Fatal(err)
	}
	published, err := c.Peers[2].RPC("name/publish", tree, "resolve=false", "allow-offline=true")
	if err != nil {
		t.Fatal(err)
	}
	var name struct{ Name string }
	if err := json.Unmarshal([]byte(published), &name); err != nil {
		t.Fatal(err)
	}
	before := c.chatter()
	for _, p := range c.Peers {
		for _, path := range []string{
			"/ipfs/" + tree + "/", "/ipfs/" + tree + "/docs/note", "/ipfs/" + tree + "/docs/large", "/ipfs/" + tree + "?format=car",
			resolved.Path, resolved.Path + "?format=raw", "/ipns/" + name.Name + "/docs/note",
		} {
			if _, status, err := p.firstByte(path); err != nil || status != http.StatusOK {
				t.Errorf("%s through %s: status %d, %v", path, p.Name, status, err)
			}
		}
		for _, path := range []string{"/ipfs/" + neverAdded, "/ipfs/" + neverAdded + "/a", "/ipfs/" + neverAdded + "?format=raw", "/ipfs/" + tree + "/none"} {
			took, status, err := p.firstByte(path)
			if err != nil || status != http.StatusNotFound || took > 5*time.Second {
				t.Errorf("%s through %s: status %d after %s, %v", path, p.Name, status, took, err)
			}
			t.Logf("%s: 404 after %s", path, took.Round(10*time.Microsecond))
		}
	}
	c.expectSilence(before)
	c.expectGoneWhenUnpinned()
}

// expectGoneWhenUnpinned checks that content is served as long as it is pinned, and no longer once it was collected.
func (c *Cluster) expectGoneWhenUnpinned() {
	c.t.Helper()
	cid := c.addOnOne(randomContent(99, 1000))
	c.Unpinned(cid)
	if _, err := c.Peers[1].RPC("pin/rm", cid); err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.Peers[1].RPC("repo/gc"); err != nil {
		c.t.Fatal(err)
	}
	for _, p := range c.Peers {
		Eventually(c.t, 10*time.Second, func() error {
			_, status, err := p.firstByte("/ipfs/" + cid)
			if err == nil && status != http.StatusNotFound {
				err = fmt.Errorf("what was unpinned and collected, through %s: status %d", p.Name, status)
			}
			return err
		})
	}
}
