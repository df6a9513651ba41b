package logging_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"

	golog "github.com/ipfs/go-log/v2"
	"github.com/libp2p/go-libp2p/gologshim"

	"github.com/underlay/underlay/internal/logging"
	"github.com/underlay/underlay/internal/request"
)

// output is what was written, safe for several goroutines.
type output struct {
	mu sync.Mutex
	bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.Buffer.Write(p)
}

// lines are the lines so far, decoded.
func (o *output) lines(t *testing.T) (all []map[string]any) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	for line := range strings.Lines(o.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		all = append(all, m)
	}
	return all
}

// newStream makes a stream at a level.
func newStream(t *testing.T, level string) (*logging.Stream, *output) {
	t.Helper()
	out := &output{}
	if err := (logging.Levels{}).Set(level, nil); err != nil {
		t.Fatal(err)
	}
	return logging.New(logging.Options{Writer: out, JSON: true, Keep: 1 << 16}), out
}

func TestHandlerDoesWhatSlogAsks(t *testing.T) {
	s, out := newStream(t, "debug")
	err := slogtest.TestHandler(s.Logger("underlay").Handler(), func() []map[string]any { return out.lines(t) })
	if err != nil {
		t.Error(err)
	}
}

// Whatever a library logs with is in the stream, once and with the name of its logger.
func TestLibrariesWriteToTheStream(t *testing.T) {
	s, out := newStream(t, "info")
	s.Capture()
	golog.Logger("lib/zap").Errorw("from zap", "error", errors.New("broken"), "n", 7)
	golog.Logger("lib/zap").With("peer", "p").Errorf("from %s", "zap")
	golog.Logger("lib/zap").Info("not at this level")
	gologshim.Logger("lib/slog").Error("from libp2p", "n", 7)
	gologshim.Logger("lib/slog").Info("not at this level")
	slog.Info("from slog")
	slog.Debug("not at this level")
	log.Print("from log")
	s.Logger(logging.Peer).Info("ours", "n", 7)
	s.Logger(logging.Peer).Debug("not at this level")
	logging.Named(s.Logger(logging.Main), logging.Raft).Warn("renamed")
	want := []string{
		"ERROR lib/zap from zap broken 7", "ERROR lib/zap from zap <nil> <nil>", "ERROR lib/slog from libp2p <nil> 7",
		"INFO std from slog <nil> <nil>", "INFO std from log <nil> <nil>", "INFO underlay/peer ours <nil> 7", "WARN underlay/raft renamed <nil> <nil>",
	}
	var got []string
	for _, l := range out.lines(t) {
		got = append(got, fmt.Sprint(l["level"], " ", l["logger"], " ", l["msg"], " ", l["error"], " ", l["n"]))
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("lines:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := bytes.Count(out.Bytes(), []byte(`"logger"`)); n != len(want) {
		t.Errorf("%d names of loggers in %d lines", n, len(want))
	}
}

// Levels change while loggers are in use, for ours and for the libraries', by either way.
func TestLevelsChange(t *testing.T) {
	s, out := newStream(t, "info")
	s.Capture()
	ours, theirs := s.Logger(logging.Peer), golog.Logger("lib/levels")
	say := func() int {
		before := len(out.lines(t))
		ours.Debug("ours")
		theirs.Debug("theirs")
		return len(out.lines(t)) - before
	}
	set := func(level string, byName map[string]string) {
		t.Helper()
		if err := (logging.Levels{}).Set(level, byName); err != nil {
			t.Fatal(err)
		}
	}
	if n := say(); n != 0 {
		t.Errorf("at info: %d lines", n)
	}
	set("debug", nil)
	if n := say(); n != 1 {
		t.Errorf("ours at debug: %d lines", n)
	}
	set("warn", map[string]string{"lib/levels": "debug"})
	if n := say(); n != 1 {
		t.Errorf("theirs at debug: %d lines", n)
	}
	if err := golog.SetLogLevel(logging.Peer, "debug"); err != nil { // what kubo's command does
		t.Fatal(err)
	}
	if n := say(); n != 2 {
		t.Errorf("both at debug: %d lines", n)
	}
	if err := (logging.Levels{}).Set("info", map[string]string{"lib/levels": "loud"}); err == nil || !strings.Contains(err.Error(), "loud") {
		t.Errorf("a level that has no meaning: %v", err)
	}
	if n := say(); n != 2 {
		t.Errorf("after a fault: %d lines", n)
	}
	set("info", nil)
	if n := say(); n != 0 {
		t.Errorf("at info again: %d lines", n)
	}
}

func TestLinesOfARequestCarryItsIdentity(t *testing.T) {
	s, out := newStream(t, "info")
	ctx := request.WithID(context.Background(), "id-1")
	s.Logger(logging.API).InfoContext(ctx, "with")
	s.Logger(logging.API).Info("without")
	if l := out.lines(t); l[0]["request"] != "id-1" || l[1]["request"] != nil {
		t.Errorf("lines: %v", l)
	}
}

func TestRecentLines(t *testing.T) {
	out := &output{}
	s := logging.New(logging.Options{Writer: out, Keep: 1000})
	if err := (logging.Levels{}).Set("info", nil); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		s.Logger(logging.Main).Info("line", "n", i)
	}
	s.Logger(logging.Main).Info(strings.Repeat("long", 1000))
	kept := string(s.Recent())
	if len(kept) > 1000 || len(kept) < 800 || !strings.HasSuffix(kept, "n=99\n") || !strings.Contains(out.String(), kept) {
		t.Errorf("%d bytes: %s", len(kept), kept)
	}
}

// A follower gets lines as go-log writes them; one that does not read holds up nobody, and hears what it has missed.
func TestFollowers(t *testing.T) {
	s, _ := newStream(t, "debug")
	s.Capture()
	all, err := s.Follow("")
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	some, err := s.Follow("error")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Follow("loud"); err == nil {
		t.Error("a level that has no meaning is taken")
	}
	golog.Logger("lib/tail").Error("first")
	const many = 5000
	for i := range many {
		s.Logger(logging.Peer).Debug("next", "n", i)
	}
	s.Logger(logging.Peer).Error("last")
	lines := bufio.NewScanner(some)
	for _, want := range []string{"first", "last"} {
		var got struct{ Level, TS, Logger, Msg string }
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &got) != nil || got.Msg != want || got.Level != "error" || got.TS == "" || got.Logger == "" {
			t.Errorf("line %q, want %q", lines.Text(), want)
		}
	}
	if err := some.Close(); err != nil {
		t.Error(err)
	}
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("after its end: %q, %v", lines.Text(), lines.Err())
	}
	slow, read, missed := bufio.NewScanner(all), 0, 0
	for slow.Scan() {
		var got struct {
			Msg   string
			Lines int
		}
		if err := json.Unmarshal(slow.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if missed += got.Lines; got.Lines == 0 {
			read++
		}
		if read == 10 {
			s.Logger(logging.Peer).Debug("after") // now there is room
		}
		if got.Msg == "after" {
			break
		}
	}
	if missed == 0 || read+missed != many+3 {
		t.Errorf("%d lines read, %d missed of %d", read, missed, many+3)
	}
}
