package member

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/proxy/fault"
)

// UnreachableHeader names, in an answer for the whole cluster, the peers that had no part in it.
const UnreachableHeader = "X-Underlay-Unreachable"

// report collects what an answer lacks while a command of kubo's, which knows of one node only, makes it.
type report struct {
	mu      sync.Mutex
	missing []string
	errs    []error
}

type reportKey struct{}

// ReportMissing notes that the answer to the request of ctx is made without a peer.
func ReportMissing(ctx context.Context, id peer.ID) {
	if r, ok := ctx.Value(reportKey{}).(*report); ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		if name := id.String(); !slices.Contains(r.missing, name) {
			r.missing = append(r.missing, name)
		}
	}
}

// isMissing tells whether the answer to the request of ctx is made without a peer.
func isMissing(ctx context.Context, id peer.ID) bool {
	r, ok := ctx.Value(reportKey{}).(*report)
	if !ok {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.missing, id.String())
}

// ReportBroken notes that the answer to the request of ctx, of which some may be sent, ends too early.
func ReportBroken(ctx context.Context, err error) {
	if r, ok := ctx.Value(reportKey{}).(*report); ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.errs = append(r.errs, err)
	}
}

func (r *report) unreachable() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.missing, ", ")
}

func (r *report) broken() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.errs...)
}

// answering puts the name of the answering peer into every answer of next, and what the answer lacks.
func answering(id peer.ID, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lacks := &report{}
		w.Header().Set(Header, id.String())
		next.ServeHTTP(answerWriter{w, lacks}, r.WithContext(context.WithValue(r.Context(), reportKey{}, lacks)))
		if err := lacks.broken(); err != nil && w.Header().Get(fault.StreamError) == "" {
			w.Header().Set(fault.StreamError, err.Error())
		}
	})
}

// answerWriter puts in what is known when the answer begins, and lets scripts of other sites, where kubo lets them read
// its own headers, read ours too.
type answerWriter struct {
	http.ResponseWriter
	lacks *report
}

const ExposeHeader = "Access-Control-Expose-Headers"

// WriteHeader implements http.ResponseWriter.
func (w answerWriter) WriteHeader(status int) {
	ours := Header
	if missing := w.lacks.unreachable(); missing != "" {
		w.Header().Set(UnreachableHeader, missing)
		ours += ", " + UnreachableHeader
	}
	if exposed := w.Header().Get(ExposeHeader); exposed != "" {
		w.Header().Set(ExposeHeader, exposed+", "+ours)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Flush implements http.Flusher, which kubo looks for.
func (w answerWriter) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// Unwrap lets http.ResponseController reach what is below.
func (w answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
