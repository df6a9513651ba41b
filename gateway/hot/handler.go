package hot

import (
	"context"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/ipfs/go-cid"

	"github.com/underlay/underlay/internal/httpserver"
)

// smallAnswer is up to which length an answer goes out in one piece, if its beginning is all of it.
const smallAnswer = 12 << 10

// answer is what the handler has said of a file under one name. It does not change.
type answer struct {
	root   cid.Cid
	size   int64
	header http.Header // without what depends on the range
	length []string    // Content-Length of the whole file
	weight uint32
}

// Wrap answers from memory what it can, and has next answer the rest. Next must read files through [Cache.Backend], and all
// that decides whether a request is allowed must stand before.
func (c *Cache) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k, ra, plain := c.parse(r)
		if !plain {
			next.ServeHTTP(w, r)
			return
		}
		c.current()
		if a, ok := c.answers.GetIfPresent(k); ok && c.serve(w, r, a, k, ra) {
			c.figures.answerHits.Add(1)
			return
		}
		c.figures.answerMisses.Add(1)
		c.learn(w, r, k, next)
	})
}

// serve answers a request. It reports false, with nothing written, when that is left to the handler: the range is not in
// the file, or its beginning is not on this peer.
func (c *Cache) serve(w http.ResponseWriter, r *http.Request, a *answer, k key, ra span) bool {
	from, length := int64(0), a.size
	if k.reach != wholeFile {
		var ok bool
		if from, length, ok = ra.in(a.size); !ok {
			return false
		}
	}
	var first []byte
	s := c.open(r.Context(), a.root, a.size, from, from+length, c.fetchInTime)
	defer s.Close()
	s.now = c.local
	if r.Method == http.MethodGet && length > 0 {
		var err error
		if first, err = s.next(); err != nil {
			return false
		}
	}
	if length <= smallAnswer && int64(len(first)) >= length {
		httpserver.Gather(r)
	}
	a.writeHeader(w, k, from, length)
	if r.Method == http.MethodGet {
		s.now = s.get
		s.send(w, first, length)
	}
	return true
}

// fetchInTime gives up after a while. Nobody else looks after an answer that has begun.
func (c *Cache) fetchInTime(ctx context.Context, id cid.Cid, keep bool) (*node, error) {
	if n, ok := c.inMemory(id); ok {
		return n, nil
	}
	if c.o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.o.Timeout)
		defer cancel()
	}
	return c.fetch(ctx, id, keep)
}

// writeHeader says what the handler would.
func (a *answer) writeHeader(w http.ResponseWriter, k key, from, length int64) {
	h := w.Header()
	maps.Copy(h, a.header)
	if k.reach == wholeFile {
		h["Content-Length"] = a.length
		w.WriteHeader(http.StatusOK)
		return
	}
	h["Content-Length"] = []string{strconv.FormatInt(length, 10)}
	text := make([]byte, 0, 64)
	text = strconv.AppendInt(append(text, "bytes "...), from, 10)
	text = strconv.AppendInt(append(text, '-'), from+length-1, 10)
	text = strconv.AppendInt(append(text, '/'), a.size, 10)
	h["Content-Range"] = []string{string(text)}
	w.WriteHeader(http.StatusPartialContent)
}

// send writes so many bytes of the stream, of which the first are at hand. It stops early when the client is gone or
// content is missing. The server sees that the announced length is not reached then, and cuts the connection.
func (s *stream) send(w http.ResponseWriter, piece []byte, length int64) {
	for length > 0 {
		piece = piece[:min(int64(len(piece)), length)]
		if _, err := w.Write(piece); err != nil {
			return
		}
		if length -= int64(len(piece)); length == 0 {
			return
		}
		var err error
		if piece, err = s.next(); err != nil {
			return
		}
	}
}

// learn has the handler answer, and keeps what it says if that will always be so.
func (c *Cache) learn(w http.ResponseWriter, r *http.Request, k key, next http.Handler) {
	l := &learner{ResponseWriter: w, header: make(http.Header)}
	generation := c.current()
	next.ServeHTTP(l, r.WithContext(context.WithValue(r.Context(), learnerKey{}, l)))
	l.passHeader()
	if a := l.answer(); a != nil && r.Method == http.MethodGet {
		c.answers.Set(k, a)
		if c.o.Generation() != generation { // as with nodes
			c.answers.Invalidate(k)
		}
	}
}

// learner watches an answer go by.
type learner struct {
	http.ResponseWriter
	header http.Header // what the handler sets; other headers are not its
	status int
	passed bool

	root cid.Cid // of the file that the handler has opened last
	size int64
}

type learnerKey struct{}

// opened notes which file a request reads.
func opened(ctx context.Context, root cid.Cid, size int64) {
	if l, ok := ctx.Value(learnerKey{}).(*learner); ok {
		l.root, l.size = root, size
	}
}

// Header implements http.ResponseWriter.
func (l *learner) Header() http.Header {
	if l.passed {
		return l.ResponseWriter.Header() // for trailers
	}
	return l.header
}

// WriteHeader implements http.ResponseWriter.
func (l *learner) WriteHeader(status int) {
	if status >= 200 && l.status == 0 {
		l.status = status
	}
	l.passHeader()
	l.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (l *learner) Write(p []byte) (int, error) {
	l.passHeader()
	return l.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController find what the connection can do.
func (l *learner) Unwrap() http.ResponseWriter { return l.ResponseWriter }

func (l *learner) passHeader() {
	if !l.passed {
		l.passed = true
		maps.Copy(l.ResponseWriter.Header(), l.header)
	}
}

// answer is what may be kept: the beginning of a file, successful and for ever. It is nil otherwise.
func (l *learner) answer() *answer {
	if !l.root.Defined() || !strings.Contains(l.header.Get("Cache-Control"), "immutable") {
		return nil
	}
	total := l.header.Get("Content-Length")
	switch l.status {
	case http.StatusOK:
	case http.StatusPartialContent:
		_, total, _ = strings.Cut(l.header.Get("Content-Range"), "/")
	default:
		return nil
	}
	if total != strconv.FormatInt(l.size, 10) {
		return nil
	}
	a := &answer{root: l.root, size: l.size, header: maps.Clone(l.header), length: []string{total}, weight: nodeOverhead}
	for _, own := range []string{"Content-Length", "Content-Range"} {
		delete(a.header, own)
	}
	for name, values := range a.header {
		a.weight += uint32(len(name) + len(strings.Join(values, "")) + nodeOverhead/4)
	}
	return a
}
