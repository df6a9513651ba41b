package request

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Options say how requests are followed.
type Options struct {
	Server string       // what is asked, for logs and traces
	Logger *slog.Logger // gets, at level debug, a line for each request that has ended
	Tracer trace.Tracer // nil: nothing is traced
	// Public says that anybody may ask: a trace of theirs is referred to, and not continued, or they would decide what is recorded.
	Public bool
}

// Handler gives each request an identity, answers with it, and follows the request through next.
func Handler(o Options, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := given(r.Header)
		if id == "" {
			id = newID()
		}
		w.Header().Set(Header, id)
		ctx := WithID(r.Context(), id)
		logged := o.Logger.Enabled(ctx, slog.LevelDebug)
		if o.Tracer == nil && !logged {
			next.ServeHTTP(w, r.WithContext(ctx))
			return
		}
		began, path, seen := time.Now(), r.URL.Path, &recorder{ResponseWriter: w} // handlers change the URL
		ctx, span := o.start(ctx, r)
		defer func() {
			seen.describe(span)
			if logged {
				o.Logger.DebugContext(ctx, "request", "server", o.Server, "client", r.RemoteAddr, "method", r.Method, "path", path,
					"status", seen.status, "bytes", seen.bytes, "complete", seen.ended, "took", time.Since(began))
			}
		}()
		next.ServeHTTP(seen, below(ctx, r))
		seen.begin()
		seen.ended = true
	})
}

// start begins the span of a whole request, if anything is traced.
func (o Options) start(ctx context.Context, r *http.Request) (context.Context, Span) {
	if o.Tracer == nil {
		return Start(ctx, "")
	}
	how := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", r.Method), attribute.String("url.path", r.URL.Path),
		attribute.String("client.address", r.RemoteAddr), attribute.String("underlay.server", o.Server))}
	theirs := propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	if o.Public {
		how = append(how, trace.WithLinks(trace.LinkFromContext(theirs)))
	} else {
		ctx = theirs
	}
	return start(ctx, o.Tracer, r.Method+" "+route(r.URL.Path), how...)
}

// below is the request as what serves it sees it: a header that it may begin spans by names the span of ctx.
func below(ctx context.Context, r *http.Request) *http.Request {
	r = r.WithContext(ctx)
	if trace.SpanContextFromContext(ctx).IsValid() {
		r.Header = r.Header.Clone()
		propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(r.Header))
	}
	return r
}

// route is what names requests of one kind: the command of kubo's API, or the first part of the path.
func route(path string) string {
	if strings.HasPrefix(path, "/api/v0/") {
		return path
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return "/" + first
}

// recorder remembers what an answer was like.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
	ended  bool // else the answer was broken off
}

// describe ends a span of an answer.
func (r *recorder) describe(span Span) {
	if span.IsRecording() {
		span.SetAttributes(attribute.Int("http.response.status_code", r.status), attribute.Int64("http.response.body.size", r.bytes))
		switch {
		case !r.ended:
			span.SetStatus(codes.Error, "the answer was broken off")
		case r.status >= 500:
			span.SetStatus(codes.Error, http.StatusText(r.status))
		}
	}
	span.End()
}

// begin notes that the answer has begun: who names no status says 200.
func (r *recorder) begin() {
	if r.status == 0 {
		r.status = http.StatusOK
	}
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status < 200 { // others come before it
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) {
	r.begin()
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// ReadFrom implements io.ReaderFrom, which lets what is below copy as it can best.
func (r *recorder) ReadFrom(from io.Reader) (int64, error) {
	r.begin()
	n, err := io.Copy(r.ResponseWriter, from)
	r.bytes += n
	return n, err
}

// Flush implements http.Flusher, which kubo looks for.
func (r *recorder) Flush() { _ = http.NewResponseController(r.ResponseWriter).Flush() }

// Unwrap lets http.ResponseController reach what is below.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
