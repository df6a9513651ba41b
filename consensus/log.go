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
	at := slogLevel(name, level, args)
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

// slogLevel rates raft's lines lower than raft does: it tells of every failed attempt to reach a peer as an error, and of
// ordinary steps as warnings. Who leads, and who does not answer, we tell ourselves, once. What else fails in earnest mostly
// comes back to us as an error; the rest is a warning.
func slogLevel(part string, l hclog.Level, args []any) slog.Level {
	if l < hclog.Error || part == netPart || ofPeer(args) {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// netPart is the part of raft that carries its messages.
const netPart = "net"

// ofPeer tells whether a line is about an attempt to reach a peer.
func ofPeer(args []any) bool {
	for i := 0; i < len(args); i += 2 {
		if args[i] == "peer" || args[i] == "target" {
			return true
		}
	}
	return false
}
