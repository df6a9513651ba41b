package peer

import (
	"bufio"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/underlay/underlay/internal/request"
	"github.com/underlay/underlay/peer/reconcile"
)

// origins is a handler for logs that keeps the identities of the requests for which a peer was asked for something.
type origins struct {
	mu   sync.Mutex
	seen map[string]string
}

func (o *origins) Enabled(context.Context, slog.Level) bool { return true }
func (o *origins) WithAttrs([]slog.Attr) slog.Handler       { return o }
func (o *origins) WithGroup(string) slog.Handler            { return o }
func (o *origins) Handle(ctx context.Context, r slog.Record) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if strings.HasPrefix(r.Message, "asked") {
		o.seen[request.ID(ctx)] = r.Message
	}
	return nil
}

func (o *origins) of(id string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.seen[id]
}

// What a peer is asked for by the streams of another one has the identity of the request there; earlier builds ask and answer without.
func TestStreamsCarryTheRequest(t *testing.T) {
	checkLeaks(t)
	dir, addrs := t.TempDir(), freePorts(t, 2)
	seen := &origins{seen: make(map[string]string)}
	there := testOptions(filepath.Join(dir, "b"), addrs[1], addrs...)
	there.Logger = slog.New(seen)
	a, b := startPeer(t, testOptions(filepath.Join(dir, "a"), addrs[0], addrs...)), startPeer(t, there)
	a.awaitReady()
	b.awaitReady()
	survey := func(id string) {
		t.Helper()
		answer, err := a.askSurvey(request.WithID(t.Context(), id), b.ID(), reconcile.Survey{})
		if err != nil {
			t.Fatal(err)
		}
		defer answer.close()
		for {
			record, err := answer.next()
			if err != nil {
				t.Fatal(err)
			}
			if record.kind == surveyEnd {
				return
			}
		}
	}
	survey("status")
	if got := seen.of("status"); got != "asked how it stands with pins" {
		t.Errorf("a survey: %q", got)
	}
	ctx, cancel := context.WithCancel(request.WithID(t.Context(), "events"))
	var following sync.WaitGroup
	following.Go(func() { _ = a.changesOf(ctx, b.ID(), func(reconcile.Change) error { return nil }) })
	eventually(t, "the changes are asked for", func() bool { return seen.of("events") == "asked for changes of the pins' status" })
	cancel()
	following.Wait()

	// An earlier build asks in its own way.
	stream, err := a.host.NewStream(t.Context(), b.ID(), surveyProtocol1)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Reset() //nolint:errcheck // it is over
	if _, err := stream.Write(appendSurvey(nil, reconcile.Survey{})); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(stream)
	if _, err := readSelf(in); err != nil {
		t.Fatal(err)
	}
	if record, err := readSurveyRecord(in); err != nil || record.kind != surveyEnd {
		t.Errorf("%+v, %v", record, err)
	}
	// And answers it.
	b.host.RemoveStreamHandler(surveyProtocol)
	eventually(t, "the other one knows", func() bool {
		known, err := a.host.Peerstore().SupportsProtocols(b.ID(), surveyProtocol, surveyProtocol1)
		return err == nil && len(known) == 1 && known[0] == surveyProtocol1
	})
	survey("earlier")
	if got := seen.of("earlier"); got != "" {
		t.Errorf("an earlier build knows the request: %q", got)
	}
}
