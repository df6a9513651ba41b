package logging

import (
	"context"
	"log/slog"
	"slices"

	golog "github.com/ipfs/go-log/v2"
	"go.uber.org/zap/zapcore"

	"github.com/underlay/underlay/internal/request"
)

// requestKey is the attribute that holds the identity of a request.
const requestKey = "request"

// handler writes the lines of one logger to a stream. It implements slog.Handler.
type handler struct {
	stream *Stream
	name   string
	level  zapcore.LevelEnabler // of the name
	with   []func(slog.Handler) slog.Handler
	out    slog.Handler // of the stream, with the name and all of with
}

func newHandler(s *Stream, name string) *handler {
	h := &handler{stream: s, name: name, level: golog.Logger(name).Desugar().Core()}
	h.out = h.dress(s.out)
	return h
}

// dress gives what formats lines the attributes and groups of h.
func (h *handler) dress(out slog.Handler) slog.Handler {
	out = out.WithAttrs([]slog.Attr{slog.String(Name, h.name)})
	for _, with := range h.with {
		out = with(out)
	}
	return out
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(_ context.Context, level slog.Level) bool {
	return h.level.Enabled(zapLevel(level))
}

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	if id := request.ID(ctx); id != "" {
		r = r.Clone()
		r.AddAttrs(slog.String(requestKey, id))
	}
	h.stream.follow(ctx, r, h.dress)
	return h.out.Handle(ctx, r)
}

// WithAttrs implements slog.Handler. The attribute "logger" makes it the logger of another name.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	named := newHandler(h.stream, h.name)
	if i := slices.IndexFunc(attrs, isName); i >= 0 {
		named = newHandler(h.stream, attrs[i].Value.String())
		attrs = slices.DeleteFunc(slices.Clone(attrs), isName)
	}
	named.with = h.with
	return named.and(func(out slog.Handler) slog.Handler { return out.WithAttrs(attrs) })
}

func isName(a slog.Attr) bool { return a.Key == Name }

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(group string) slog.Handler {
	return h.and(func(out slog.Handler) slog.Handler { return out.WithGroup(group) })
}

func (h *handler) and(with func(slog.Handler) slog.Handler) *handler {
	next := *h
	next.with = append(slices.Clip(h.with), with)
	next.out = next.dress(h.stream.out)
	return &next
}

// zapLevel is the level of go-log's loggers that lets a line through.
func zapLevel(l slog.Level) zapcore.Level {
	switch {
	case l >= slog.LevelError:
		return zapcore.ErrorLevel
	case l >= slog.LevelWarn:
		return zapcore.WarnLevel
	case l >= slog.LevelInfo:
		return zapcore.InfoLevel
	default:
		return zapcore.DebugLevel
	}
}

// slogLevel is how a line of a library is rated here.
func slogLevel(l zapcore.Level) slog.Level {
	switch {
	case l >= zapcore.ErrorLevel:
		return slog.LevelError
	case l == zapcore.WarnLevel:
		return slog.LevelWarn
	case l == zapcore.InfoLevel:
		return slog.LevelInfo
	default:
		return slog.LevelDebug
	}
}
