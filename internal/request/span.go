package request

import (
	"context"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Scope is the name under which this program's spans are recorded.
const Scope = "underlay"

// idAttribute holds the identity of a request in a span.
const idAttribute = "request.id"

// Span is a piece of the work for a request. Most are not recorded; then its methods do nothing.
type Span struct{ trace.Span }

// Start begins a piece of the work for the request of ctx, if that is traced. Done must be called.
func Start(ctx context.Context, name string) (context.Context, Span) {
	above := trace.SpanFromContext(ctx)
	if !above.SpanContext().IsValid() {
		return ctx, Span{above}
	}
	return start(ctx, above.TracerProvider().Tracer(Scope), name)
}

func start(ctx context.Context, tracer trace.Tracer, name string, o ...trace.SpanStartOption) (context.Context, Span) {
	ctx, span := tracer.Start(ctx, name, o...)
	if id := ID(ctx); id != "" && span.IsRecording() {
		span.SetAttributes(attribute.String(idAttribute, id))
	}
	return ctx, Span{span}
}

// Began is Start for work that was begun earlier and has ended, and tells whether the request is traced.
func Began(ctx context.Context, name string, at time.Time) (Span, bool) {
	above := trace.SpanFromContext(ctx)
	if !above.SpanContext().IsValid() {
		return Span{above}, false
	}
	_, span := start(ctx, above.TracerProvider().Tracer(Scope), name, trace.WithTimestamp(at))
	return span, true
}

// Done ends the work with its outcome.
func (s Span) Done(err error) {
	if err != nil && s.IsRecording() {
		s.SetStatus(codes.Error, err.Error())
	}
	s.End()
}

// Text adds a text to what the span tells, if it is recorded.
func (s Span) Text(key, value string) {
	if s.IsRecording() {
		s.SetAttributes(attribute.String(key, value))
	}
}

// Pack returns what another peer is to know of the request of ctx, for protocols that have no headers.
func Pack(ctx context.Context) string {
	id := ID(ctx)
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return id
	}
	parent := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, parent)
	return id + " " + parent["traceparent"]
}

// Receive begins a piece of the work for the request of another peer that Pack has told of. tracer may be nil. Done must be
// called.
func Receive(ctx context.Context, packed string, tracer trace.Tracer, name string) (context.Context, Span) {
	id, parent, _ := strings.Cut(packed, " ")
	ctx = WithID(ctx, id)
	if tracer == nil || parent == "" {
		return Start(ctx, name)
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": parent})
	return start(ctx, tracer, name, trace.WithSpanKind(trace.SpanKindServer))
}

// Transport passes the request that a call belongs to on to whoever is called, as a span of its own.
type Transport struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	id := ID(r.Context())
	if id == "" {
		return t.RoundTripper.RoundTrip(r)
	}
	ctx, span := Start(r.Context(), "call")
	r = r.Clone(ctx)
	r.Header.Set(Header, id)
	if span.SpanContext().IsValid() {
		span.Text("server.address", r.URL.Host)
		span.Text("url.path", r.URL.Path)
		propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(r.Header))
	}
	resp, err := t.RoundTripper.RoundTrip(r)
	span.Done(err)
	if err == nil {
		resp.Header.Del(Header) // which the answer that it may become a part of has already
	}
	return resp, err
}
