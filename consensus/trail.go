package consensus

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/underlay/underlay/internal/request"
)

// slowEntry is how long an entry may take on the leader before it tells of that.
const slowEntry = 2 * time.Second

// requests are those that the calls of an entry belong to, each by the context of its call. Nobody waits for these contexts:
// the calls may be over. None of it enters the log.
type requests []context.Context

// pack is what the leader is told of them, nil if there is nothing to tell.
func (rs requests) pack() (packed []string) {
	for _, ctx := range rs {
		if p := request.Pack(ctx); p != "" {
			if packed == nil {
				packed = make([]string, 0, len(rs))
			}
			packed = append(packed, p)
		}
	}
	return packed
}

// told names them in a line of the log, by the attribute that all lines about a request have.
func (rs requests) told() []slog.Attr {
	var ids []string
	for _, ctx := range rs {
		if id := request.ID(ctx); id != "" {
			ids = append(ids, id)
		}
	}
	if ids == nil {
		return nil
	}
	return []slog.Attr{slog.String("request", strings.Join(ids, " "))}
}

// work is a piece of the work on an entry, with a span for each of its requests that is traced.
type work struct {
	of    requests
	spans []request.Span
}

// begin begins a piece of the work for the requests. Where none is traced it allocates nothing. end must be called.
func (rs requests) begin(name string) work {
	w := work{of: rs}
	for i, above := range rs {
		ctx, span := request.Start(above, name)
		if !span.SpanContext().IsValid() {
			continue
		}
		if w.spans == nil {
			w = work{slices.Clone(rs), make([]request.Span, 0, len(rs))}
		}
		w.of[i], w.spans = ctx, append(w.spans, span)
	}
	return w
}

// receive is begin for what another peer has packed.
func receive(packed []string, tracer trace.Tracer, name string) work {
	w := work{of: make(requests, len(packed))}
	for i, p := range packed {
		ctx, span := request.Receive(context.Background(), p, tracer, name)
		if w.of[i] = ctx; span.SpanContext().IsValid() {
			w.spans = append(w.spans, span)
		}
	}
	return w
}

func (w work) end(err error, attributes ...attribute.KeyValue) {
	for _, span := range w.spans {
		span.SetAttributes(attributes...)
		span.Done(err)
	}
}

// lead is proposeHere for the requests of a peer: their spans and the log tell what became of the entry on its leader.
func (c *Consensus) lead(from peer.ID, entry []byte, w work) proposeReply {
	began := time.Now()
	r := c.proposeHere(entry)
	took, err := time.Since(began), codeError(r.Code)
	if len(w.spans) > 0 {
		w.end(err, attribute.Int64("raft.index", int64(r.Index))) //nolint:gosec // far below
	}
	level, message := slog.LevelDebug, "entry applied"
	switch {
	case r.Code == codeUnknown || r.Code == codeForgotten:
		level, message = slog.LevelWarn, "lost an entry"
	case err != nil:
		message = "entry not taken" // which the proposer knows how to go on from
	case took > slowEntry:
		level, message = slog.LevelWarn, "entry applied late"
	}
	if ctx := context.Background(); c.log.Enabled(ctx, level) {
		told := append(w.of.told(), slog.String("proposer", from.String()), slog.Int("bytes", len(entry)), slog.Duration("took", took))
		if err != nil {
			told = append(told, slog.Any("error", err))
		} else {
			told = append(told, slog.Uint64("index", r.Index))
		}
		c.log.LogAttrs(ctx, level, message, told...)
	}
	return r
}
