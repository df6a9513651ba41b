package hot

import (
	"context"
	"io"
	"slices"
	"sort"
	"sync"

	"github.com/ipfs/go-cid"
)

const (
	// window is how many bytes a request reads ahead at most.
	window = 4 << 20
	// largestBlock is the size from which on a part of a file must have children.
	largestBlock = 2 << 20
	// innerSize is what a node is taken to have that only tells where content is.
	innerSize = 16 << 10
)

// stream reads a file in order, from any place. It reads ahead when something is not in memory. It is for one goroutine.
type stream struct {
	cache   *Cache
	get     getNode // for what is read ahead
	now     getNode // for what is needed now
	keep    bool
	at      int64 // the next byte
	horizon int64 // nothing is read ahead from here on
	queue   []item
	ahead   int64 // bytes that are being read ahead

	ctx     context.Context
	cancel  context.CancelFunc // nil: nothing was read ahead yet
	reading sync.WaitGroup
}

// item is what follows in a stream: a part of the file, or the parts that are the remaining children of a node. Those are
// listed when they are needed: a range needs few of them.
type item struct {
	part *part
	node *node // whose children follow, from next on; nil: the item is a part
	base int64 // where the node begins in the file
	next int
}

// part is a piece of a file that a node has.
type part struct {
	cid      cid.Cid
	from, to int64         // in the file
	done     chan struct{} // closed when node or err is set; nil: it is not read ahead
	node     *node
	err      error
}

// room is what the part takes while it is read ahead.
func (p *part) room() int64 {
	if size := p.to - p.from; size <= largestBlock {
		return size
	}
	return innerSize
}

// open begins to read the file with the given root at an offset. What is read ahead ends at the horizon; reading does not.
// Close must be called.
func (c *Cache) open(ctx context.Context, root cid.Cid, size, offset, horizon int64, get getNode) *stream {
	return &stream{
		cache: c, get: get, now: get, keep: size <= c.largest, at: offset, horizon: min(horizon, size), ctx: ctx,
		queue: []item{{part: &part{cid: root, to: size}}},
	}
}

// Close ends what is being read ahead and waits for it.
func (s *stream) Close() error {
	if s.cancel != nil {
		s.cancel()
		s.reading.Wait()
	}
	s.cache.ahead.Add(-s.ahead)
	s.ahead, s.queue = 0, nil
	return nil
}

// next returns the content that follows, as much as one node has of it, or io.EOF. It belongs to the node.
func (s *stream) next() ([]byte, error) {
	for len(s.queue) > 0 {
		if s.queue[0].node != nil {
			s.unfold(0)
			continue
		}
		p := s.queue[0].part
		n, err := s.read(p)
		if err != nil {
			return nil, err
		}
		if n.size != p.to-p.from {
			return nil, errSizes
		}
		if s.queue = s.queue[1:]; len(n.children) > 0 {
			first := sort.Search(len(n.children), func(i int) bool { return p.from+n.children[i].end > s.at })
			s.queue = slices.Insert(s.queue, 0, item{node: n, base: p.from, next: first})
		}
		if skip := s.at - p.from; skip < int64(len(n.data)) {
			s.at = p.from + int64(len(n.data))
			return n.data[skip:], nil
		}
	}
	return nil, io.EOF
}

// unfold puts the next child of a node in front of its other ones.
func (s *stream) unfold(i int) {
	it := &s.queue[i]
	if it.next == len(it.node.children) {
		s.queue = slices.Delete(s.queue, i, i+1)
		return
	}
	p := it.child()
	it.next++
	s.queue = slices.Insert(s.queue, i, item{part: p})
}

// child is the next child as a part.
func (it *item) child() *part {
	from := int64(len(it.node.data))
	if it.next > 0 {
		from = it.node.children[it.next-1].end
	}
	c := it.node.children[it.next]
	return &part{cid: c.cid, from: it.base + from, to: it.base + c.end}
}

// read returns the node of the first part.
func (s *stream) read(p *part) (*node, error) {
	if p.done == nil {
		if n, ok := s.cache.inMemory(p.cid); ok {
			return n, nil
		}
		s.lookAhead()
		return s.now(s.ctx, p.cid, s.keep)
	}
	select {
	case <-p.done:
	case <-s.ctx.Done():
		return nil, s.ctx.Err()
	}
	s.cache.ahead.Add(-p.room())
	s.ahead -= p.room()
	s.lookAhead() // as much as has been used
	return p.node, p.err
}

// lookAhead has the parts behind the first one read, as far as the windows of this stream and of all together allow.
func (s *stream) lookAhead() {
	for i := 1; i < len(s.queue); i++ {
		if s.queue[i].node != nil {
			if it := s.queue[i]; it.next < len(it.node.children) && !s.allows(it.child()) {
				return
			}
			s.unfold(i)
			i--
			continue
		}
		p := s.queue[i].part
		if p.done != nil {
			continue
		}
		if !s.allows(p) {
			return
		}
		if s.cache.ahead.Add(p.room()) > s.cache.maxAhead {
			s.cache.ahead.Add(-p.room())
			return
		}
		s.ahead += p.room()
		s.readAhead(p)
	}
}

// allows tells whether the part may be read ahead.
func (s *stream) allows(p *part) bool { return p.from < s.horizon && s.ahead+p.room() <= window }

func (s *stream) readAhead(p *part) {
	if s.cancel == nil {
		s.ctx, s.cancel = context.WithCancel(s.ctx)
	}
	p.done = make(chan struct{})
	s.reading.Go(func() {
		defer close(p.done)
		p.node, p.err = s.get(s.ctx, p.cid, s.keep)
	})
}

// reader is a stream as boxo's handler reads it.
type reader struct {
	*stream
	rest []byte
}

var _ io.ReadCloser = (*reader)(nil)

// Read implements io.Reader.
func (r *reader) Read(p []byte) (n int, err error) {
	for len(r.rest) == 0 {
		if r.rest, err = r.next(); err != nil {
			return 0, err
		}
	}
	n = copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
