package gateway

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/boxo/files"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/ipfs/kubo/core"
	"github.com/multiformats/go-multihash"

	"github.com/underlay/underlay/gateway/forwarded"
)

// bounded are limits as the default settings have them.
func bounded() Limits {
	return Limits{Concurrent: 1024, Retrieval: 30 * time.Second, SendRate: 4096, DirectoryEntries: 10_000}
}

// parent stores a node with data of our own that links to children, and says that each has the given size.
func parent(t *testing.T, node *core.IpfsNode, data []byte, size uint64, children ...ipld.Node) ipld.Node {
	t.Helper()
	nd := merkledag.NodeWithData(data)
	err := nd.SetCidBuilder(cid.V1Builder{Codec: cid.DagProtobuf, MhType: multihash.SHA2_256})
	for _, child := range children {
		err = errors.Join(err, node.DAG.Add(t.Context(), child), nd.AddRawLink("a", &ipld.Link{Size: size, Cid: child.Cid()}))
	}
	if err = errors.Join(err, node.DAG.Add(t.Context(), nd)); err != nil {
		t.Fatal(err)
	}
	return nd
}

// liar is a file of six bytes that says it has others.
func liar(t *testing.T, node *core.IpfsNode, size uint64) ipld.Node {
	t.Helper()
	fs := unixfs.NewFSNode(unixfs.TFile)
	fs.AddBlockSize(size)
	data, err := fs.GetBytes()
	if err != nil {
		t.Fatal(err)
	}
	return parent(t, node, data, min(size, math.MaxInt64), merkledag.NewRawNode([]byte("honest")))
}

// try sends a request and reads at most a megabyte of the answer. It does not mind how the answer ends.
func try(t *testing.T, url, ranges string) (status int, body []byte, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if ranges != "" {
		req.Header.Set("Range", ranges)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, body, err
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc >> 20)
}

// Whatever a DAG says about its sizes, an answer ends, holds nothing but what is there, and is not taken for complete.
func TestSizesThatLie(t *testing.T) {
	node := newNode(t, false, nil)
	g := start(t, Options{Node: node, Limits: bounded()})
	before := heap()
	for _, size := range []uint64{0, 1, 5, 7, 1 << 20, 1 << 40, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64} {
		file := liar(t, node, size)
		dir := parent(t, node, unixfs.FolderPBData(), min(size, math.MaxInt64), file)
		for _, target := range []string{"", "?format=tar", "?format=car", "?format=car&dag-scope=entity", "?format=raw", "?format=car&entity-bytes=1:*", "?format=car&entity-bytes=-3:*"} {
			for _, ranges := range []string{"", "bytes=0-1", "bytes=4-", "bytes=-2", fmt.Sprintf("bytes=%d-", size/2)} {
				for _, root := range []ipld.Node{file, dir} {
					status, body, err := try(t, g.url+"/ipfs/"+root.Cid().String()+target, ranges)
					if target == "" && root == file && status == 200 && err == nil && len(body) == 6 && size > 6 {
						t.Errorf("size %d, %q: six bytes look complete", size, ranges)
					}
					if target == "" && root == file && status/100 == 2 && !strings.Contains("honest", string(body)) {
						t.Errorf("size %d, %q: got %q", size, ranges, body)
					}
				}
			}
		}
	}
	if after := heap(); after > before+64 {
		t.Errorf("the heap grew from %d to %d MiB", before, after)
	}
	honest := add(t, node, files.NewBytesFile([]byte("still here")))
	if got := ask(t, "GET", g.url+honest.String()); string(got.body) != "still here" {
		t.Errorf("afterwards: %d %q", got.StatusCode, got.body)
	}
}

// A DAG 10^4 deep is served where that is cheap and refused where it is not; nothing that breaks off looks complete.
func TestDeepDAG(t *testing.T) {
	node := newNode(t, false, nil)
	g := start(t, Options{Node: node, Limits: bounded()})
	var root ipld.Node = merkledag.NewRawNode([]byte("the bottom"))
	for range 10_000 {
		root = parent(t, node, unixfs.FolderPBData(), 0, root)
	}
	url := g.url + "/ipfs/" + root.Cid().String()
	before := heap()
	if got := ask(t, "GET", url+"?format=car"); got.StatusCode != 200 || !strings.Contains(string(got.body), "the bottom") {
		t.Errorf("CAR: status %d, %d bytes", got.StatusCode, len(got.body))
	}
	if status, _, err := try(t, url+"?format=tar", ""); err == nil {
		t.Errorf("TAR: status %d, looks complete", status)
	}
	if got := ask(t, "GET", url+strings.Repeat("/a", 2_000)); got.StatusCode != 400 || !strings.Contains(string(got.body), "256 parts") {
		t.Errorf("path: status %d: %s", got.StatusCode, got.body)
	}
	if got := ask(t, "GET", url+strings.Repeat("/a", 200)+"/"); got.StatusCode != 200 {
		t.Errorf("path within the limit: status %d: %.100s", got.StatusCode, got.body)
	}
	if after := heap(); after > before+64 {
		t.Errorf("the heap grew from %d to %d MiB", before, after)
	}
}

// What is too large for its format is refused with 410, a range of it with 501.
func TestSizeLimits(t *testing.T) {
	node := newNode(t, false, nil)
	large := add(t, node, files.NewBytesFile(noise(2<<20)))
	small := add(t, node, files.NewBytesFile(noise(1<<10)))
	lying := parent(t, node, unixfs.FolderPBData(), 1, liar(t, node, 6), merkledag.NewRawNode(noise(1<<20)), merkledag.NewRawNode(noise(1 << 20)[1:]))
	limits := func(edit func(*Limits)) Options {
		l := bounded()
		edit(&l)
		return Options{Node: node, Limits: l}
	}
	files := start(t, limits(func(l *Limits) { l.FileSize = 1 << 20 }))
	all := start(t, limits(func(l *Limits) { l.ResponseSize = 1 << 20 }))
	ranges := start(t, limits(func(l *Limits) { l.RangeFileSize = 1 << 20 }))
	for _, c := range []struct {
		name, url, ranges string
		want              int
	}{
		{"file", files.url + large.String(), "", 410},
		{"range of a file", files.url + large.String(), "bytes=0-9", 410},
		{"CAR", files.url + large.String() + "?format=car", "", 200},
		{"small file", files.url + small.String(), "", 200},
		{"any file", all.url + large.String(), "", 410},
		{"any CAR", all.url + large.String() + "?format=car", "", 410},
		{"any TAR", all.url + large.String() + "?format=tar", "", 410},
		{"small CAR", all.url + small.String() + "?format=car", "", 200},
		{"range", ranges.url + large.String(), "bytes=0-9", 501},
		{"no range", ranges.url + large.String(), "", 200},
		{"small range", ranges.url + small.String(), "bytes=0-9", 206},
	} {
		if status, body, _ := try(t, c.url, c.ranges); status != c.want {
			t.Errorf("%s: status %d, want %d: %.100s", c.name, status, c.want, body)
		}
	}
	if status, _, err := try(t, all.url+"/ipfs/"+lying.Cid().String()+"?format=car", ""); status != 410 && err == nil {
		t.Errorf("a DAG that says it is small: status %d, looks complete", status)
	}
}

// Headers about the client and the host count from balancers alone.
func TestForwardedHost(t *testing.T) {
	node := newNode(t, false, nil)
	root := add(t, node, files.NewBytesFile([]byte("content")))
	strict := start(t, Options{Node: node})
	behind := start(t, Options{Node: node, Trust: forwarded.Options{Proxies: prefixes(t, "127.0.0.0/8"), Headers: forwarded.Headers()}})
	headers := []string{"X-Forwarded-Host", "localhost", "X-Forwarded-Proto", "https"}
	if got := ask(t, "GET", strict.url+root.String(), headers...); got.StatusCode != 200 {
		t.Errorf("from anybody: status %d to %s", got.StatusCode, got.Header.Get("Location"))
	}
	got := ask(t, "GET", behind.url+root.String(), headers...)
	if want := "https://" + root.RootCid().String() + ".ipfs.localhost/"; got.StatusCode != 301 || got.Header.Get("Location") != want {
		t.Errorf("from a balancer: status %d to %s, want 301 to %s", got.StatusCode, got.Header.Get("Location"), want)
	}
}

// One client that asks too much is refused while others are served, and health checks are not counted.
func TestClientsAreLimited(t *testing.T) {
	node := newNode(t, false, nil)
	root := add(t, node, files.NewBytesFile([]byte("content")))
	l := bounded()
	l.ClientRate, l.ClientBurst, l.Unlimited = 1, 5, prefixes(t, "127.0.0.1/32")
	g := start(t, Options{Node: node, Limits: l, Trust: forwarded.Options{Proxies: prefixes(t, "127.0.0.0/8"), Headers: []string{forwarded.For}}})
	count := func(path, client string) map[int]int {
		seen := make(map[int]int)
		for range 50 {
			seen[ask(t, "GET", g.url+path, "X-Forwarded-For", client).StatusCode]++
		}
		return seen
	}
	if seen := count(root.String(), "192.0.2.1"); seen[200] < 5 || seen[429] < 10 {
		t.Errorf("one client: %v", seen)
	}
	if seen := count("/healthz", "192.0.2.2"); seen[200] != 50 {
		t.Errorf("health checks: %v", seen)
	}
	if seen := count(root.String(), ""); seen[200] != 50 {
		t.Errorf("the balancer itself: %v", seen)
	}
	if got := ask(t, "GET", g.url+root.String(), "X-Forwarded-For", "192.0.2.3"); got.StatusCode != 200 {
		t.Errorf("another client: status %d", got.StatusCode)
	}
}
