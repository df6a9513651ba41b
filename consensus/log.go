package consensus

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/hashicorp/go-hclog"

	"github.com/underlay/underlay/internal/logging"
)

// newRaftLogger returns a logger for raft and its stores that writes to l.
func newRaftLogger(l *slog.Logger) hclog.Logger {
	h := hclog.NewInterceptLogger(&hclog.LoggerOptions{Output: io.Discard, Level: hclog.Off})
	h.RegisterSink(slogSink{logging.Named(l, logging.Raft)})
	return h
}

// slogSink hands raft's log lines to slog.
type slogSink struct{ log *slog.Logger }

// Accept implements hclog.SinkAdapter.
func (s slogSink) Accept(name string, level hclog.Level, msg string, args ...any) {
	at := slogLevel(level)
	if !s.log.Enabled(context.Background(), at) {
		return
	}
	for i, a := range args {
		if f, ok := a.(hclog.Format); ok && len(f) > 0 {
			args[i] = fmt.Sprintf(fmt.Sprint(f[0]), f[1:]...)
		}
	}
	if name != "" {
		args = append(args, "part", name)
	}
	s.log.Log(context.Background(), at, msg, args...)
}

// slogLevel rates raft's lines one level lower than raft does: it tells of every failed attempt to reach a peer as an
// error, and of ordinary steps of joining as warnings. What fails in earnest comes back to us as an error.
func slogLevel(l hclog.Level) slog.Level {
	switch l {
	case hclog.Error:
		return slog.LevelWarn
	case hclog.Warn:
		return slog.LevelInfo
	default:
		return slog.LevelDebug
	}
}
