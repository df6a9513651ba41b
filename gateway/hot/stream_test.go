package hot

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/boxo/blockservice"
	chunk "github.com/ipfs/boxo/chunker"
	"github.com/ipfs/boxo/ipld/merkledag"
	mdtest "github.com/ipfs/boxo/ipld/merkledag/test"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/boxo/ipld/unixfs/importer/balanced"
	"github.com/ipfs/boxo/ipld/unixfs/importer/helpers"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	format "github.com/ipfs/go-ipld-format"
)

const blockSize = 256 << 10

// elsewhere has blocks that take a while to get.
type elsewhere struct {
	inner blockservice.BlockService
	delay time.Duration

	asked   atomic.Int64
	running atomic.Int64
	most    atomic.Int64 // at the same time
}

func (e *elsewhere) GetBlock(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	e.asked.Add(1)
	now := e.running.Add(1)
	defer e.running.Add(-1)
	for most := e.most.Load(); now > most && !e.most.CompareAndSwap(most, now); most = e.most.Load() {
	}
	select {
	case <-time.After(e.delay):
		return e.inner.GetBlock(ctx, c)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// nothing is here.
type nothing struct{}

func (nothing) Get(_ context.Context, c cid.Cid) (blocks.Block, error) {
	return nil, format.ErrNotFound{Cid: c}
}

func newCache(t *testing.T, from Blocks, memory int64) *Cache {
	t.Helper()
	c, err := New(Options{Blocks: from, Local: nothing{}, Memory: memory})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// file stores a file and returns its root.
func file(t *testing.T, to blockservice.BlockService, content []byte, rawLeaves bool) cid.Cid {
	t.Helper()
	params := helpers.DagBuilderParams{
		Maxlinks: helpers.DefaultLinksPerBlock, RawLeaves: rawLeaves, Dagserv: merkledag.NewDAGService(to),
		CidBuilder: merkledag.V1CidPrefix(),
	}
	builder, err := params.New(chunk.NewSizeSplitter(bytes.NewReader(content), blockSize))
	if err != nil {
		t.Fatal(err)
	}
	root, err := balanced.Layout(builder)
	if err != nil {
		t.Fatal(err)
	}
	return root.Cid()
}

func noise(n int, seed byte) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b) //nolint:errcheck // never fails
	return b
}

// read returns length bytes of the file from an offset, and the time until the first of them.
func read(t *testing.T, c *Cache, root cid.Cid, size, offset, length int64) (got []byte, first time.Duration) {
	t.Helper()
	began := time.Now()
	r := &reader{stream: c.open(t.Context(), root, size, offset, offset+length, c.fetch)}
	defer r.Close()
	got = make([]byte, length)
	n, err := r.Read(got)
	first = time.Since(began)
	if err == nil {
		_, err = io.ReadFull(r, got[n:])
	}
	if err != nil {
		t.Fatalf("read %d bytes from %d: %v", length, offset, err)
	}
	return got, first
}

// A file that only another peer has streams with several blocks under way: its first byte comes after as many round trips
// as the file has levels, and the rest does not take one for each block.
func TestFileFromElsewhereStreams(t *testing.T) {
	const delay = 10 * time.Millisecond
	content := noise(100<<20, 1)
	store := mdtest.Bserv()
	root := file(t, store, content, true)
	synctest.Test(t, func(t *testing.T) {
		source := &elsewhere{inner: store, delay: delay}
		c := newCache(t, source, 256<<20)
		began := time.Now()
		got, first := read(t, c, root, int64(len(content)), 0, int64(len(content)))
		took := time.Since(began)
		if !bytes.Equal(got, content) {
			t.Fatal("other bytes")
		}
		if first > 3*delay {
			t.Errorf("the first byte comes after %s", first)
		}
		if blocks := len(content) / blockSize; took > time.Duration(blocks/8)*delay {
			t.Errorf("%d blocks take %s", blocks, took)
		}
		if most := source.most.Load(); most > window/blockSize+1 {
			t.Errorf("%d blocks are read at the same time", most)
		}
		if ahead := c.ahead.Load(); ahead != 0 {
			t.Errorf("%d bytes are still accounted as read ahead", ahead)
		}
	})
}

// A range costs the blocks that it is in and those above them, and nothing else.
func TestRangeReadsWhatItNeeds(t *testing.T) {
	content := noise(100<<20, 2)
	store := mdtest.Bserv()
	root := file(t, store, content, true)
	for _, r := range []struct{ offset, length, blocks int64 }{
		{0, 64 << 10, 3}, {50<<20 + 5, 64 << 10, 3}, {blockSize - 1, 2, 4}, {int64(len(content)) - 1, 1, 3}, {0, blockSize, 3},
		{10 << 20, 4 * blockSize, 6},
	} {
		source := &elsewhere{inner: store}
		got, _ := read(t, newCache(t, source, 64<<20), root, int64(len(content)), r.offset, r.length)
		if !bytes.Equal(got, content[r.offset:r.offset+r.length]) {
			t.Errorf("%+v: other bytes", r)
		}
		if asked := source.asked.Load(); asked != r.blocks {
			t.Errorf("%+v: %d blocks were read", r, asked)
		}
	}
}

// Files of every shape come out as they went in, from any place.
func TestStreamReadsWhatWasStored(t *testing.T) {
	store := mdtest.Bserv()
	c := newCache(t, store, 64<<20)
	for _, size := range []int{0, 1, blockSize - 1, blockSize, blockSize + 1, 3*blockSize + 7, 200*blockSize + 1} {
		for _, raw := range []bool{true, false} {
			content := noise(size, 3)
			root := file(t, store, content, raw)
			for _, offset := range []int{0, 1, size / 2, size - 1, size} {
				if offset < 0 || offset > size {
					continue
				}
				if got, err := io.ReadAll(&reader{stream: c.open(t.Context(), root, int64(size), int64(offset), int64(size), c.fetch)}); err != nil ||
					!bytes.Equal(got, content[offset:]) {
					t.Errorf("%d bytes from %d on, raw %t: %d came, %v", size, offset, raw, len(got), err)
				}
			}
		}
	}
}

// Many files that are larger than the memory are read at the same time, and the memory holds.
func TestMemoryIsBounded(t *testing.T) {
	const memory, files = leastMemory, 6
	store := mdtest.Bserv()
	source := &elsewhere{inner: store, delay: time.Microsecond}
	c := newCache(t, source, memory)
	var readers sync.WaitGroup
	for i := range files {
		content := noise(6<<20+i, byte(i))
		root := file(t, store, content, i%2 == 0)
		for range 4 {
			readers.Go(func() {
				got, err := io.ReadAll(&reader{stream: c.open(t.Context(), root, int64(len(content)), 0, int64(len(content)), c.fetch)})
				if err != nil || !bytes.Equal(got, content) {
					t.Errorf("file %d: %d bytes, %v", i, len(got), err)
				}
				if used := c.nodes.WeightedSize() + c.answers.WeightedSize(); used > memory+2*largestBlock {
					t.Errorf("%d bytes are in memory", used)
				}
			})
		}
	}
	readers.Wait()
	c.nodes.CleanUp()
	if used := c.nodes.WeightedSize(); used > memory {
		t.Errorf("%d bytes are in memory in the end", used)
	}
}

// What many ask for at the same time is fetched once, and one who goes away does not take it from the others.
func TestFetchesAreShared(t *testing.T) {
	store := mdtest.Bserv()
	content := noise(1000, 4)
	root := file(t, store, content, true)
	synctest.Test(t, func(t *testing.T) {
		source := &elsewhere{inner: store, delay: time.Second}
		c := newCache(t, source, 0)
		first, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := c.fetch(first, root, true); !errors.Is(err, context.Canceled) {
				t.Errorf("who has left gets %v", err)
			}
		})
		synctest.Wait()
		for range 10 {
			all.Go(func() {
				if n, err := c.fetch(t.Context(), root, true); err != nil || !bytes.Equal(n.data, content) {
					t.Errorf("who has stayed gets %v", err)
				}
			})
		}
		synctest.Wait()
		leave()
		all.Wait()
		if asked := source.asked.Load(); asked != 2 {
			t.Errorf("%d fetches", asked)
		}
	})
}

// Nodes whose sizes contradict each other, or that are no file, are not read.
func TestLyingNodes(t *testing.T) {
	leaf := blocks.NewBlock([]byte("leaf"))
	lie := func(edit func(*unixfs.FSNode, *merkledag.ProtoNode)) blocks.Block {
		fs, pb := unixfs.NewFSNode(unixfs.TFile), new(merkledag.ProtoNode)
		fs.AddBlockSize(4)
		if err := pb.AddRawLink("", &format.Link{Cid: cid.NewCidV1(cid.Raw, leaf.Cid().Hash())}); err != nil {
			t.Fatal(err)
		}
		edit(fs, pb)
		data, err := fs.GetBytes()
		if err != nil {
			t.Fatal(err)
		}
		pb.SetData(data)
		return pb
	}
	if n, err := decode(lie(func(*unixfs.FSNode, *merkledag.ProtoNode) {})); err != nil || n.size != 4 {
		t.Errorf("a node that does not lie: %v", err)
	}
	for what, b := range map[string]blocks.Block{
		"more sizes than links": lie(func(fs *unixfs.FSNode, _ *merkledag.ProtoNode) { fs.AddBlockSize(9) }),
		"another sum":           lie(func(fs *unixfs.FSNode, _ *merkledag.ProtoNode) { fs.UpdateFilesize(1) }),
		"absurd sizes":          lie(func(fs *unixfs.FSNode, _ *merkledag.ProtoNode) { fs.RemoveAllBlockSizes(); fs.AddBlockSize(1 << 63) }),
		"a directory":           merkledag.NodeWithData(unixfs.FolderPBData()),
		"no UnixFS":             merkledag.NodeWithData([]byte("something")),
	} {
		if _, err := decode(b); !errors.Is(err, errNotFile) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// The lie is not in the node, but between it and its child.
	long := lie(func(fs *unixfs.FSNode, _ *merkledag.ProtoNode) { fs.RemoveAllBlockSizes(); fs.AddBlockSize(1 << 40) })
	store := mdtest.Bserv()
	raw, err := blocks.NewBlockWithCid(leaf.RawData(), cid.NewCidV1(cid.Raw, leaf.Cid().Hash()))
	if err := errors.Join(err, store.AddBlock(t.Context(), long), store.AddBlock(t.Context(), raw)); err != nil {
		t.Fatal(err)
	}
	c := newCache(t, store, 0)
	s := c.open(t.Context(), long.Cid(), 1<<40, 0, 1<<40, c.fetch)
	defer s.Close()
	if piece, err := s.next(); !errors.Is(err, errSizes) {
		t.Errorf("a child that is smaller than its node says: %q, %v", piece, err)
	}
}

// rootOf is the CID of a raw block.
func rootOf(content []byte) cid.Cid {
	return cid.NewCidV1(cid.Raw, blocks.NewBlock(content).Cid().Hash())
}
