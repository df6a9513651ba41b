package logging

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	golog "github.com/ipfs/go-log/v2"
	"go.uber.org/zap/zapcore"
)

// behind is how many lines a follower may be behind before it misses some.
const behind = 1024

// follower gets the lines that are logged from now on, as go-log writes them.
type follower struct {
	least slog.Level
	lines chan []byte
	lost  atomic.Int64
	ended chan struct{}
	end   func()

	formatting sync.Mutex
	line       bytes.Buffer
	format     slog.Handler // into line
	rest       []byte       // of a line that was read in part
}

// Follow returns what is logged from now on at least at a level (empty: at any), an object in JSON a line, until it is
// closed. Reading waits for the next line.
func (s *Stream) Follow(least string) (io.ReadCloser, error) {
	level := zapcore.DebugLevel
	if least != "" {
		parsed, err := golog.Parse(least)
		if err != nil {
			return nil, fmt.Errorf("setting log level %s: %w", least, err)
		}
		level = zapcore.Level(parsed)
	}
	f := &follower{least: slogLevel(level), lines: make(chan []byte, behind), ended: make(chan struct{})}
	f.format = slog.NewJSONHandler(&f.line, &slog.HandlerOptions{Level: slog.Level(-128), ReplaceAttr: asGoLog})
	f.end = sync.OnceFunc(func() {
		s.mu.Lock()
		delete(s.followers, f)
		s.mu.Unlock()
		close(f.ended)
	})
	s.mu.Lock()
	s.followers[f] = struct{}{}
	s.mu.Unlock()
	return f, nil
}

// follow hands a line to those who follow the stream.
func (s *Stream) follow(ctx context.Context, r slog.Record, dress func(slog.Handler) slog.Handler) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for f := range s.followers {
		if r.Level >= f.least {
			f.tell(ctx, r, dress)
		}
	}
}

func (f *follower) tell(ctx context.Context, r slog.Record, dress func(slog.Handler) slog.Handler) {
	f.formatting.Lock()
	defer f.formatting.Unlock()
	f.line.Reset()
	if lost := f.lost.Swap(0); lost > 0 {
		fmt.Fprintf(&f.line, `{"level":"warn","logger":%q,"msg":"this follower was too slow and has missed lines","lines":%d}`+"\n", Standard, lost)
		if !f.send() {
			f.lost.Add(lost)
		}
		f.line.Reset()
	}
	if dress(f.format).Handle(ctx, r) != nil || !f.send() {
		f.lost.Add(1)
	}
}

func (f *follower) send() bool {
	select {
	case f.lines <- bytes.Clone(f.line.Bytes()):
		return true
	default:
		return false
	}
}

// Read implements io.Reader.
func (f *follower) Read(to []byte) (int, error) {
	if len(f.rest) == 0 {
		select {
		case f.rest = <-f.lines:
		case <-f.ended:
			return 0, io.EOF
		}
	}
	n := copy(to, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// Close implements io.Closer. It may be called more than once, and while Read waits.
func (f *follower) Close() error {
	f.end()
	return nil
}

// asGoLog names what stands in every line as go-log does.
func asGoLog(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey:
		a.Key = "ts"
	case slog.LevelKey:
		a.Value = slog.StringValue(strings.ToLower(a.Value.String()))
	}
	return a
}
