package logging

import (
	"io"
	"log/slog"
	"sync"

	golog "github.com/ipfs/go-log/v2"
	"github.com/libp2p/go-libp2p/gologshim"
)

// Name is the attribute that holds the name of a logger.
const Name = "logger"

// Options configure a Stream.
type Options struct {
	Writer io.Writer
	JSON   bool // one object a line; else text
	Keep   int  // bytes of the latest lines that Recent returns
}

// Stream is where all lines go. Its methods may be called from any goroutine.
type Stream struct {
	out    slog.Handler // formats and writes; knows no levels
	recent *recent

	mu        sync.RWMutex
	followers map[*follower]struct{}
}

// New makes a stream that writes to o.Writer.
func New(o Options) *Stream {
	s := &Stream{recent: newRecent(o.Keep), followers: make(map[*follower]struct{})}
	w := &tee{to: o.Writer, keep: s.recent}
	all := &slog.HandlerOptions{Level: slog.Level(-128)} // levels are looked at before
	if s.out = slog.NewTextHandler(w, all); o.JSON {
		s.out = slog.NewJSONHandler(w, all)
	}
	return s
}

// Logger returns the logger of a name that writes to the stream.
func (s *Stream) Logger(name string) *slog.Logger { return slog.New(newHandler(s, name)) }

// Capture makes all libraries of this process write to the stream: those that use go-log or zap below it, libp2p, log/slog's
// default and log's. It is to be called at the start, before any of them has logged; a process has one such stream.
func (s *Stream) Capture() {
	golog.SetPrimaryCore(&core{stream: s})
	gologshim.SetDefaultHandler(s.Logger(Standard).Handler())
	slog.SetDefault(s.Logger(Standard))
}

// Recent returns the latest lines, oldest first, as they were written.
func (s *Stream) Recent() []byte { return s.recent.bytes() }

// Named is a logger with a name: the levels of that name hold for it if it writes to a Stream.
func Named(l *slog.Logger, name string) *slog.Logger { return l.With(slog.String(Name, name)) }

// tee writes each line to a writer and keeps it.
type tee struct {
	to   io.Writer
	keep *recent
}

// Write implements io.Writer. The handlers that use it write whole lines, one at a time.
func (t *tee) Write(line []byte) (int, error) {
	t.keep.add(line)
	return t.to.Write(line)
}
