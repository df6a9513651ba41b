package hot

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/ipfs/boxo/blockservice"
	boxo "github.com/ipfs/boxo/gateway"
	mdtest "github.com/ipfs/boxo/ipld/merkledag/test"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/prometheus/client_golang/prometheus"
)

// newGateway is boxo's handler behind a cache, on a store in memory. It counts what the handler answers.
func newGateway(t *testing.T, store blockservice.BlockService) (c *Cache, h http.Handler, handled *int) {
	t.Helper()
	c, err := New(Options{Blocks: store, Local: store.Blockstore()})
	if err != nil {
		t.Fatal(err)
	}
	inner, err := boxo.NewBlocksBackend(store)
	if err != nil {
		t.Fatal(err)
	}
	conf := boxo.Config{DeserializedResponses: true, MetricsRegistry: prometheus.NewRegistry()}
	next, handled := boxo.NewHandler(conf, c.Backend(inner)), new(int)
	return c, c.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*handled++
		next.ServeHTTP(w, r)
	})), handled
}

func get(h http.Handler, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	return w
}

// Requests for what is not there, and for one thing under many names, leave nothing in memory.
func TestGarbageIsNotKept(t *testing.T) {
	store := mdtest.Bserv()
	root := file(t, store, []byte("content"), false)
	c, h, _ := newGateway(t, store)
	for i := range 300 {
		for _, target := range []string{
			"/ipfs/" + root.String() + "/" + strconv.Itoa(i),
			"/ipfs/" + strconv.Itoa(i),
			"/ipfs/" + file(t, mdtest.Bserv(), []byte(strconv.Itoa(i)), true).String(),
		} {
			if got := get(h, target); got.Code/100 == 2 {
				t.Fatalf("%s: %d", target, got.Code)
			}
		}
	}
	if n := c.answers.EstimatedSize(); n != 0 {
		t.Errorf("%d answers are kept", n)
	}
	for i := range 300 {
		if got := get(h, "/ipfs/"+root.String()+"?v="+strconv.Itoa(i)); got.Body.String() != "content" {
			t.Fatal(got.Body)
		}
	}
	if n := c.answers.EstimatedSize(); n != 1 {
		t.Errorf("%d answers are kept of one file", n)
	}
	if n := c.nodes.EstimatedSize(); n > 2 {
		t.Errorf("%d nodes are kept of one file", n)
	}
}

// A purge forgets answers and content: what follows comes from the handler and the store again.
func TestPurge(t *testing.T) {
	store := mdtest.Bserv()
	root := file(t, store, []byte("content"), false)
	c, h, handled := newGateway(t, store)
	target := "/ipfs/" + root.String()
	get(h, target)
	get(h, target)
	if *handled != 1 || c.figures.answerHits.Load() != 1 {
		t.Fatalf("the handler has answered %d times", *handled)
	}
	c.Purge()
	if err := store.Blockstore().DeleteBlock(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	if got := get(h, target); got.Code == http.StatusOK || *handled != 2 {
		t.Errorf("after a purge: %d %s", got.Code, got.Body)
	}
}

// failing is a client that goes away after some bytes.
type failing struct {
	*httptest.ResponseRecorder
	left int
}

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, io.ErrClosedPipe
	}
	return f.ResponseRecorder.Write(p)
}

// An answer that was cut, or whose content went missing, does no harm to the next one.
func TestCutAnswers(t *testing.T) {
	store := mdtest.Bserv()
	content := noise(20*blockSize, 5)
	root := file(t, store, content, true)
	c, h, handled := newGateway(t, store)
	target := "/ipfs/" + root.String()
	for range 3 {
		h.ServeHTTP(&failing{httptest.NewRecorder(), 3 * blockSize}, httptest.NewRequest(http.MethodGet, target, nil))
	}
	if got := get(h, target); got.Body.String() != string(content) {
		t.Errorf("after cut answers: %d bytes", got.Body.Len())
	}
	if *handled != 1 {
		t.Errorf("the handler has answered %d times", *handled)
	}
	c.nodes.InvalidateAll()
	last := rootOf(content[len(content)-blockSize:])
	if err := store.Blockstore().DeleteBlock(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	if got := get(h, target); got.Body.Len() >= len(content) || got.Header().Get("Content-Length") != strconv.Itoa(len(content)) {
		t.Errorf("without its last block: %d bytes", got.Body.Len())
	}
	c.nodes.InvalidateAll()
	if err := store.Blockstore().DeleteBlock(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	if got := get(h, target); got.Code == http.StatusOK {
		t.Errorf("without its root: %d", got.Code)
	}
}

// some are blocks of which only a few are here.
type some struct {
	blockservice.BlockService
	here map[cid.Cid]bool
}

func (s some) Get(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	if !s.here[c] {
		return nothing{}.Get(ctx, c)
	}
	return s.GetBlock(ctx, c)
}

// A file of which the beginning is here is answered from memory, and the rest comes from other peers.
func TestTheRestMayComeFromElsewhere(t *testing.T) {
	store := mdtest.Bserv()
	content := noise(20*blockSize, 6)
	root := file(t, store, content, true)
	c, h, handled := newGateway(t, store)
	c.o.Local = some{store, map[cid.Cid]bool{root: true, rootOf(content[:blockSize]): true}}
	target := "/ipfs/" + root.String()
	get(h, target)
	c.nodes.InvalidateAll()
	if got := get(h, target); got.Body.String() != string(content) || *handled != 1 {
		t.Errorf("%d bytes, answered %d times by the handler", got.Body.Len(), *handled)
	}
	c.nodes.InvalidateAll()
	c.o.Local = nothing{}
	if got := get(h, target); got.Body.String() != string(content) || *handled != 2 {
		t.Errorf("%d bytes of a file that is not here, answered %d times by the handler", got.Body.Len(), *handled)
	}
}
