package logging

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"go.uber.org/zap/zapcore"
)

// core takes lines from zap, on which go-log's loggers are built. Their levels were looked at before.
type core struct {
	stream *Stream
	fields []zapcore.Field
}

var _ zapcore.Core = (*core)(nil)

// Enabled implements zapcore.Core.
func (c *core) Enabled(zapcore.Level) bool { return true }

// With implements zapcore.Core.
func (c *core) With(fields []zapcore.Field) zapcore.Core {
	return &core{c.stream, append(slices.Clip(c.fields), fields...)}
}

// Check implements zapcore.Core.
func (c *core) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return to.AddCore(e, c)
}

// Write implements zapcore.Core.
func (c *core) Write(e zapcore.Entry, fields []zapcore.Field) error {
	name := e.LoggerName
	if name == "" {
		name = Standard
	}
	h := newHandler(c.stream, name)
	level := slogLevel(e.Level)
	if e.LoggerName == "" && !h.Enabled(context.Background(), level) { // no logger of go-log's has looked
		return nil
	}
	r := slog.NewRecord(e.Time, level, strings.TrimSpace(e.Message), 0)
	for _, f := range slices.Concat(c.fields, fields) {
		r.AddAttrs(attributes(f)...)
	}
	if e.Caller.Defined {
		r.AddAttrs(slog.String("caller", e.Caller.TrimmedPath()))
	}
	return h.Handle(context.Background(), r)
}

// Sync implements zapcore.Core.
func (c *core) Sync() error { return nil }

// attributes of a field: one, but for those that stand for none or for several.
func attributes(f zapcore.Field) []slog.Attr {
	m := zapcore.NewMapObjectEncoder()
	f.AddTo(m)
	var attrs []slog.Attr
	for key, value := range m.Fields {
		attrs = append(attrs, slog.Any(key, value))
	}
	return attrs
}
