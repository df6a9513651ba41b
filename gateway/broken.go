package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/ipfs/boxo/files"
	boxo "github.com/ipfs/boxo/gateway"
	"github.com/ipfs/boxo/path"
)

// brokenKey leads to the note of a request that its content could not be had as a whole.
type brokenKey struct{}

// cutBroken cuts the connection of a response that has broken off. Boxo's handler ends a CAR or a TAR that fails in the
// middle as if it were whole, and a cache would keep it for ever.
func cutBroken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !mayBreakOff(r) {
			next.ServeHTTP(w, r)
			return
		}
		var broken atomic.Bool
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), brokenKey{}, &broken)))
		if broken.Load() {
			panic(http.ErrAbortHandler)
		}
	})
}

// mayBreakOff tells requests for the forms of content whose length is not announced. Others are cut by the server when they
// are shorter than they should be.
func mayBreakOff(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return r.URL.RawQuery != "" || strings.Contains(accept, "vnd.ipld.car") || strings.Contains(accept, "x-tar")
}

// noting returns a note of errors for the request of this context.
func noting(ctx context.Context) func(error) {
	broken, ok := ctx.Value(brokenKey{}).(*atomic.Bool)
	return func(err error) {
		if ok && err != nil && !errors.Is(err, io.EOF) {
			broken.Store(true)
		}
	}
}

// notingBackend notes what goes wrong in content that boxo's handler sends without saying how long it is.
type notingBackend struct{ boxo.IPFSBackend }

// WrapContextForRequest implements boxo.WithContextHint, if the backend does.
func (b notingBackend) WrapContextForRequest(ctx context.Context) context.Context {
	if hint, ok := b.IPFSBackend.(boxo.WithContextHint); ok {
		return hint.WrapContextForRequest(ctx)
	}
	return ctx
}

// GetCAR implements boxo.IPFSBackend.
func (b notingBackend) GetCAR(ctx context.Context, p path.ImmutablePath, c boxo.CarParams) (boxo.ContentPathMetadata, io.ReadCloser, error) {
	md, car, err := b.IPFSBackend.GetCAR(ctx, p, c)
	if err == nil {
		car = notingReader{car, noting(ctx)}
	}
	return md, car, err
}

// GetAll implements boxo.IPFSBackend.
func (b notingBackend) GetAll(ctx context.Context, p path.ImmutablePath) (boxo.ContentPathMetadata, files.Node, error) {
	md, node, err := b.IPFSBackend.GetAll(ctx, p)
	if err == nil {
		node = notingNode(node, noting(ctx))
	}
	return md, node, err
}

type notingReader struct {
	io.ReadCloser
	note func(error)
}

func (r notingReader) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b)
	r.note(err)
	return n, err
}

func notingNode(n files.Node, note func(error)) files.Node {
	switch n := n.(type) {
	case *files.Symlink:
		return n
	case files.File:
		return notingFile{n, note}
	case files.Directory:
		return notingDirectory{n, note}
	}
	return n
}

type notingFile struct {
	files.File
	note func(error)
}

func (f notingFile) Read(b []byte) (int, error) {
	n, err := f.File.Read(b)
	f.note(err)
	return n, err
}

type notingDirectory struct {
	files.Directory
	note func(error)
}

// Entries implements files.Directory.
func (d notingDirectory) Entries() files.DirIterator {
	return notingIterator{d.Directory.Entries(), d.note}
}

type notingIterator struct {
	files.DirIterator
	note func(error)
}

// Node implements files.DirIterator.
func (i notingIterator) Node() files.Node { return notingNode(i.DirIterator.Node(), i.note) }

// Err implements files.DirIterator.
func (i notingIterator) Err() error {
	err := i.DirIterator.Err()
	i.note(err)
	return err
}
