package hot

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"
)

const (
	// answersShare is the part of the memory that answers may take; nodes get the rest.
	answersShare = 16
	// fileShare is the part of the memory that a file may take; the content of a larger one comes from the disk.
	fileShare = 2
	// aheadShare is the part of the memory, on top of it, that may be read ahead by all requests together.
	aheadShare = 8
	// leastMemory is what a cache has at least; with less, files of an ordinary size could not be read ahead.
	leastMemory = 8 << 20
)

// Blocks is where blocks come from.
type Blocks interface {
	GetBlock(ctx context.Context, c cid.Cid) (blocks.Block, error)
}

// LocalBlocks are the blocks that are here.
type LocalBlocks interface {
	Get(ctx context.Context, c cid.Cid) (blocks.Block, error)
}

// Options say what a cache reads and how much it keeps. Blocks and Local are required.
type Options struct {
	Blocks Blocks      // all that can be fetched
	Local  LocalBlocks // those of them that need no fetching

	// Memory is how many bytes are kept; 0: see DefaultMemory.
	Memory int64
	// Timeout bounds the wait for a block in the middle of an answer; 0: only the request does.
	Timeout time.Duration
	// KnownHost tells whether the handler treats requests to a host name in a way of its own; nil: to none.
	KnownHost func(host string) bool
	// Generation changes whenever something may be denied that was not before; nil: never.
	Generation func() uint64
}

// Cache keeps hot files in memory. Its methods may be called from any goroutine.
type Cache struct {
	o        Options
	nodes    *otter.Cache[cid.Cid, *node]
	answers  *otter.Cache[key, *answer]
	loading  singleflight.Group
	largest  int64        // size of a file whose content is kept
	ahead    atomic.Int64 // bytes that are being read ahead
	maxAhead int64
	figures  figures

	generation atomic.Uint64 // of what is kept
	purging    sync.Mutex
}

// New makes a cache. It needs no closing: no goroutine works for it outside of requests.
func New(o Options) (*Cache, error) {
	if o.Memory == 0 {
		o.Memory = DefaultMemory()
	}
	o.Memory = max(o.Memory, leastMemory)
	if o.KnownHost == nil {
		o.KnownHost = func(string) bool { return false }
	}
	if o.Generation == nil {
		o.Generation = func() uint64 { return 0 }
	}
	c := &Cache{o: o, largest: o.Memory / fileShare, maxAhead: o.Memory / aheadShare}
	var err error
	if c.nodes, err = newStore(o.Memory-o.Memory/answersShare, func(_ cid.Cid, n *node) uint32 { return n.weight }, &c.figures.evictedNodes); err != nil {
		return nil, fmt.Errorf("make cache of nodes: %w", err)
	}
	if c.answers, err = newStore(o.Memory/answersShare, func(k key, a *answer) uint32 { return k.weight() + a.weight }, &c.figures.evictedAnswers); err != nil {
		return nil, fmt.Errorf("make cache of answers: %w", err)
	}
	return c, nil
}

func newStore[K comparable, V any](bytes int64, weigh func(K, V) uint32, evicted *atomic.Uint64) (*otter.Cache[K, V], error) {
	return otter.New(&otter.Options[K, V]{
		MaximumWeight: uint64(bytes),
		Weigher:       weigh,
		Executor:      func(work func()) { work() }, // by whoever stores or reads, and by no goroutine of its own
		OnDeletion: func(e otter.DeletionEvent[K, V]) {
			if e.WasEvicted() {
				evicted.Add(1)
			}
		},
	})
}

// Purge forgets everything. Answers that are under way go on.
func (c *Cache) Purge() {
	c.answers.InvalidateAll()
	c.nodes.InvalidateAll()
}

// current returns the generation that holds, after everything is forgotten that is of another one: what is in memory was
// allowed by rules that may have changed.
func (c *Cache) current() uint64 {
	now := c.o.Generation()
	if c.generation.Load() == now {
		return now
	}
	c.purging.Lock()
	defer c.purging.Unlock()
	if c.generation.Load() != now {
		c.Purge()
		c.generation.Store(now)
	}
	return now
}

// getNode returns a node. keep says whether content is put into memory; nodes that only tell where content is always are.
type getNode func(ctx context.Context, id cid.Cid, keep bool) (*node, error)

// inMemory returns a node if it costs nothing.
func (c *Cache) inMemory(id cid.Cid) (*node, bool) {
	c.current()
	n, ok := c.nodes.GetIfPresent(id)
	if ok {
		c.figures.nodeHits.Add(1)
	}
	return n, ok
}

// local returns a node that is in memory or on the disk.
func (c *Cache) local(ctx context.Context, id cid.Cid, keep bool) (*node, error) {
	if n, ok := c.inMemory(id); ok {
		return n, nil
	}
	return c.load(ctx, id, keep, c.o.Local.Get)
}

// fetch returns a node from memory, from the disk or from another peer. Those who ask for the same one at the same time
// share it, but not a failure: whoever loaded it for all may have gone away, and what a request lacks is noted in its context
// by those who are asked.
func (c *Cache) fetch(ctx context.Context, id cid.Cid, keep bool) (*node, error) {
	for {
		if n, ok := c.inMemory(id); ok {
			return n, nil
		}
		loaded, err, shared := c.loading.Do(id.KeyString(), func() (any, error) { return c.load(ctx, id, keep, c.o.Blocks.GetBlock) })
		switch {
		case err == nil:
			return loaded.(*node), nil
		case !shared, ctx.Err() != nil, errors.Is(err, errNotFile):
			return nil, err
		case !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
			return c.load(ctx, id, keep, c.o.Blocks.GetBlock)
		}
	}
}

func (c *Cache) load(ctx context.Context, id cid.Cid, keep bool, from func(context.Context, cid.Cid) (blocks.Block, error)) (*node, error) {
	c.figures.nodeMisses.Add(1)
	generation := c.current()
	b, err := from(ctx, id)
	if err != nil {
		return nil, err
	}
	n, err := decode(b)
	if err != nil {
		return nil, err
	}
	if keep || len(n.children) > 0 {
		c.nodes.Set(id, n)
		if c.o.Generation() != generation { // and it may have been stored after the others were forgotten
			c.nodes.Invalidate(id)
		}
	}
	return n, nil
}
