package limits

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/exchange/offline"
	boxo "github.com/ipfs/boxo/gateway"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/boxo/ipld/unixfs/hamt"
	"github.com/ipfs/boxo/path"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	cbornode "github.com/ipfs/go-ipld-cbor"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"
	"github.com/prometheus/client_golang/prometheus"
)

// store holds blocks in memory, with both backends that read them.
type store struct {
	t     testing.TB
	dag   ipld.DAGService
	stock *boxo.BlocksBackend
	*backend
}

func newStore(t testing.TB, o BackendOptions) *store {
	t.Helper()
	blocks := blockstore.NewBlockstore(dssync.MutexWrap(datastore.NewMapDatastore()))
	service := blockservice.New(blockstore.NewIdStore(blocks), offline.Exchange(blocks))
	stock, err := boxo.NewBlocksBackend(service)
	if err != nil {
		t.Fatal(err)
	}
	b := Backend(stock, service, o).(*backend)
	return &store{t, b.dag, stock, b}
}

// put stores nodes and returns the last.
func (s *store) put(nodes ...ipld.Node) ipld.Node {
	s.t.Helper()
	if err := s.dag.AddMany(s.t.Context(), nodes); err != nil {
		s.t.Fatal(err)
	}
	return nodes[len(nodes)-1]
}

// directory is a directory of the given entries, named 0, 1, ...
func (s *store) directory(entries ...ipld.Node) ipld.Node {
	s.t.Helper()
	node := merkledag.NodeWithData(unixfs.FolderPBData())
	err := node.SetCidBuilder(cid.V1Builder{Codec: cid.DagProtobuf, MhType: multihash.SHA2_256})
	for i, e := range entries {
		err = errors.Join(err, node.AddNodeLink(fmt.Sprint(i), e))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return s.put(node)
}

// chain is directories within each other.
func (s *store) chain(depth int) ipld.Node {
	node := s.put(merkledag.NewRawNode([]byte("the bottom")))
	for range depth {
		node = s.directory(node)
	}
	return node
}

func (s *store) cbor(v any) ipld.Node {
	s.t.Helper()
	node, err := cbornode.WrapObject(v, multihash.SHA2_256, -1)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.put(node)
}

// car reads a CAR of a path.
func (s *store) car(from interface {
	GetCAR(context.Context, path.ImmutablePath, boxo.CarParams) (boxo.ContentPathMetadata, io.ReadCloser, error)
}, p string, params boxo.CarParams) (boxo.ContentPathMetadata, []byte, error) {
	s.t.Helper()
	parsed, err := path.NewPath(p)
	if err != nil {
		s.t.Fatal(err)
	}
	immutable, err := path.NewImmutablePath(parsed)
	if err != nil {
		s.t.Fatal(err)
	}
	md, stream, err := from.GetCAR(s.t.Context(), immutable, params)
	if err != nil {
		return md, nil, err
	}
	defer stream.Close()
	body, err := io.ReadAll(stream)
	return md, body, err
}

// A CAR must have the blocks of the stock handler's, in its order.
func TestCARIsTheStockOne(t *testing.T) {
	s := newStore(t, BackendOptions{})
	a, b := s.put(merkledag.NewRawNode([]byte("a"))), s.put(merkledag.NewRawNode([]byte("b")))
	sum, err := multihash.Sum([]byte("inline"), multihash.IDENTITY, -1)
	if err != nil {
		t.Fatal(err)
	}
	inline := s.put(merkledag.NewRawNode([]byte("c")))
	inner := s.directory(a, b, a)
	tree := s.directory(inner, a, inner, s.directory(b, inner))
	object := s.cbor(map[string]any{"z": a.Cid(), "list": []any{b.Cid(), inner.Cid(), cid.NewCidV1(cid.Raw, sum)}, "n": 1})
	missing := s.cbor([]any{a.Cid(), merkledag.NewRawNode([]byte("nowhere")).Cid(), b.Cid()})
	for _, p := range []string{
		"/ipfs/" + a.Cid().String(), "/ipfs/" + tree.Cid().String(), "/ipfs/" + tree.Cid().String() + "/3/1",
		"/ipfs/" + tree.Cid().String() + "/0/2", "/ipfs/" + tree.Cid().String() + "/absent", "/ipfs/" + object.Cid().String(),
		"/ipfs/" + object.Cid().String() + "/list", "/ipfs/" + object.Cid().String() + "/list/1/0", "/ipfs/" + missing.Cid().String(),
		"/ipfs/" + s.directory().Cid().String(), "/ipfs/" + s.chain(50).Cid().String(), "/ipfs/" + s.directory(inline, object).Cid().String(),
	} {
		for _, scope := range []boxo.DagScope{boxo.DagScopeAll, boxo.DagScopeEntity, boxo.DagScopeBlock} {
			for _, dups := range []boxo.DuplicateBlocksPolicy{boxo.DuplicateBlocksIncluded, boxo.DuplicateBlocksExcluded} {
				params := boxo.CarParams{Scope: scope, Order: boxo.DagOrderDFS, Duplicates: dups}
				wantMD, want, wantErr := s.car(s.stock, p, params)
				gotMD, got, err := s.car(s.backend, p, params)
				if !bytes.Equal(got, want) || (err == nil) != (wantErr == nil) || fmt.Sprint(gotMD) != fmt.Sprint(wantMD) {
					t.Errorf("%s, %s, duplicates %v:\n%d bytes, %v, %v\nwant\n%d bytes, %v, %v", p, scope, dups.Bool(), len(got), err, gotMD, len(want), wantErr, wantMD)
				}
			}
		}
	}
	if left := s.cids.left.Load(); left != heldBlocks {
		t.Errorf("%d of the budget is lost", heldBlocks-left)
	}
}

// What a CAR of a deep DAG takes grows with its blocks; the stock handler takes 9 GB for this one.
func TestCARofADeepDAG(t *testing.T) {
	s := newStore(t, BackendOptions{})
	root := s.chain(10_000)
	_, body, err := s.car(s.backend, "/ipfs/"+root.Cid().String(), boxo.CarParams{Scope: boxo.DagScopeAll, Duplicates: boxo.DuplicateBlocksExcluded})
	if err != nil || bytes.Count(body, []byte("the bottom")) != 1 || len(body) < 10_000*80 {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	walk := newCAR(t.Context(), s.backend, io.NopCloser(bytes.NewReader(nil)), root.Cid(), true)
	for walk.next() == nil {
		if len(walk.pending) > 1 {
			t.Fatalf("%d levels are remembered", len(walk.pending))
		}
	}
}

func TestCARBeyondTheBudget(t *testing.T) {
	s := newStore(t, BackendOptions{})
	s.cids = newBudget(100)
	if _, _, err := s.car(s.backend, "/ipfs/"+s.chain(200).Cid().String(), boxo.CarParams{Scope: boxo.DagScopeAll}); err == nil {
		t.Error("a CAR of more blocks than may be remembered is complete")
	}
	if left := s.cids.left.Load(); left != 100 {
		t.Errorf("%d of the budget are left", left)
	}
}

// list asks for the listing of a directory.
func (s *store) list(dir ipld.Node) (*http.Response, string) {
	s.t.Helper()
	h := boxo.NewHandler(boxo.Config{DeserializedResponses: true, MetricsRegistry: prometheus.NewRegistry()}, s.backend)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/ipfs/"+dir.Cid().String()+"/", nil))
	return w.Result(), w.Body.String()
}

// sharded is a directory of n entries in blocks of their own.
func (s *store) sharded(n int) ipld.Node {
	s.t.Helper()
	leaf := s.put(merkledag.NewRawNode([]byte("leaf")))
	shard, err := hamt.NewShard(s.dag, 256)
	for i := range n {
		err = errors.Join(err, shard.Set(s.t.Context(), fmt.Sprintf("entry-%d", i), leaf))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	node, err := shard.Node()
	if err != nil {
		s.t.Fatal(err)
	}
	return node
}

// countingReads counts the blocks that are read of directories.
type countingReads struct {
	ipld.DAGService
	n *int
}

func (c countingReads) GetMany(ctx context.Context, cids []cid.Cid) <-chan *ipld.NodeOption {
	*c.n += len(cids)
	return c.DAGService.GetMany(ctx, cids)
}

func TestListings(t *testing.T) {
	const most = 300
	s := newStore(t, BackendOptions{Entries: most})
	leaf := s.put(merkledag.NewRawNode([]byte("leaf")))
	entries := make([]ipld.Node, most+1)
	for i := range entries {
		entries[i] = leaf
	}
	for _, c := range []struct {
		name string
		dir  ipld.Node
		want int
	}{
		{"as large as allowed", s.directory(entries[:most]...), 200},
		{"one entry more", s.directory(entries...), 410},
		{"sharded", s.sharded(most), 200},
		{"sharded, one entry more", s.sharded(most + 1), 410},
		{"empty", s.directory(), 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, body := s.list(c.dir)
			if got.StatusCode != c.want || (c.want == 410) != strings.Contains(body, "more than the 300 entries") {
				t.Errorf("status %d: %.200s", got.StatusCode, body)
			}
		})
	}
	large, reads := s.sharded(20_000), 0
	s.backend.dag = countingReads{s.dag, &reads}
	if got, _ := s.list(large); got.StatusCode != 410 || reads > 64 {
		t.Errorf("a large directory: status %d after %d blocks", got.StatusCode, reads)
	}
	s.entries = newBudget(100)
	got, _ := s.list(s.sharded(200))
	if got.StatusCode != 429 && got.StatusCode != 503 || got.Header.Get("Retry-After") == "" {
		t.Errorf("more entries than all listings may hold: status %d, %v", got.StatusCode, got.Header)
	}
	if left := s.entries.left.Load(); left != 100 {
		t.Errorf("%d of the budget are left", left)
	}
}

// An answer for a path must be what the stock backend gives, whether the path ends at a file, a directory or nowhere.
func TestGetIsTheStockOne(t *testing.T) {
	s := newStore(t, BackendOptions{Entries: 100, Depth: 16})
	raw := s.put(merkledag.NewRawNode([]byte("a raw leaf")))
	file := s.put(merkledag.NodeWithData(unixfs.FilePBData([]byte("a file"), 6)))
	root := s.directory(raw, file, s.directory(file), s.cbor(map[string]any{"n": 1}))
	for _, p := range []string{"", "/", "/0", "/1", "/2", "/2/", "/2/0", "/3", "/3/n", "/absent", "/1/absent"} {
		for _, target := range []string{p, p + "?format=tar", p + "?format=raw", p + "?format=dag-json"} {
			var got [2]string
			for i, b := range []boxo.IPFSBackend{s.stock, s.backend} {
				h := boxo.NewHandler(boxo.Config{DeserializedResponses: true, MetricsRegistry: prometheus.NewRegistry()}, b)
				for _, ranges := range []string{"", "bytes=1-2"} {
					r := httptest.NewRequest("GET", "/ipfs/"+root.Cid().String()+target, nil)
					if ranges != "" {
						r.Header.Set("Range", ranges)
					}
					w := httptest.NewRecorder()
					h.ServeHTTP(w, r)
					body := w.Body.String()
					if strings.HasSuffix(target, "tar") { // it has the time at which it was made
						body = fmt.Sprint(len(body), strings.Count(body, "a file"), strings.Count(body, "a raw leaf"))
					}
					got[i] += fmt.Sprintln(w.Code, w.Result().Header, body)
				}
			}
			if got[0] != got[1] {
				t.Errorf("%s: got\n%s\nwant\n%s", target, got[1], got[0])
			}
		}
	}
}

func TestArchiveOfDeepDirectories(t *testing.T) {
	s := newStore(t, BackendOptions{Depth: 16})
	h := Work(WorkOptions{}, boxo.NewHandler(boxo.Config{DeserializedResponses: true, MetricsRegistry: prometheus.NewRegistry()}, s.backend))
	server := httptest.NewServer(h)
	defer server.Close()
	for _, c := range []struct {
		depth int
		whole bool
	}{{1, true}, {17, true}, {18, false}, {1000, false}} {
		_, body, err := ask(t, server.URL+"/ipfs/"+s.chain(c.depth).Cid().String()+"?format=tar")
		if whole := err == nil && strings.Contains(body, "the bottom"); whole != c.whole || (!whole && err == nil) {
			t.Errorf("%d directories: %d bytes, %v", c.depth, len(body), err)
		}
	}
}
