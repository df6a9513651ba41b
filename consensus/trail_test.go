package consensus

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	rpc "github.com/libp2p/go-libp2p-gorpc"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/underlay/underlay/consensus/pinset"
	"github.com/underlay/underlay/internal/request"
)

// witness keeps what the peers of a test have logged and traced.
type witness struct {
	spans  *tracetest.SpanRecorder
	tracer trace.Tracer

	mu    sync.Mutex
	lines []string
}

func newWitness() *witness {
	w := &witness{spans: tracetest.NewSpanRecorder()}
	w.tracer = sdk.NewTracerProvider(sdk.WithSpanProcessor(w.spans)).Tracer(request.Scope)
	return w
}

// Write implements io.Writer for a logger, which writes a line at a time.
func (w *witness) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, string(line))
	return len(line), nil
}

// watch has a peer log to the witness. Its own requests are traced by request.
func (w *witness) watch(o *Options) {
	o.Logger = slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})).With("peer", o.Host.ID())
	o.Tracer = w.tracer
}

// told returns the lines with all of these texts.
func (w *witness) told(texts ...string) (found []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
lines:
	for _, line := range w.lines {
		for _, text := range texts {
			if !strings.Contains(line, text) {
				continue lines
			}
		}
		found = append(found, line)
	}
	return found
}

// request is the context of a request that is traced.
func (w *witness) request(t testing.TB, id string) (context.Context, trace.Span) {
	return w.tracer.Start(request.WithID(limit(t), id), "request")
}

// named returns the only ended span of a trace with a name.
func (w *witness) named(t testing.TB, name string, of trace.Span) sdk.ReadOnlySpan {
	t.Helper()
	var found []sdk.ReadOnlySpan
	for _, s := range w.spans.Ended() {
		if s.Name() == name && s.SpanContext().TraceID() == of.SpanContext().TraceID() {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d spans are called %s", len(found), name)
	}
	return found[0]
}

func encodeCall(t testing.TB, ops ...Op) []byte {
	t.Helper()
	body, err := pinset.EncodeCall(false, ops...)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// Two requests share an entry and a call of the leader, which knows both. Their traces stay apart. None of it is in the log.
func TestTheLeaderKnowsTheRequests(t *testing.T) {
	w := newWitness()
	tc := startCluster(t, 3, w.watch)
	leader, followers := tc.leader()
	follower := followers[0]
	one, first := w.request(t, "one")
	two, second := w.request(t, "two")
	calls := []*call{
		newCall(one, 1, encodeCall(t, PinOp(plainPin(1)))),
		newCall(t.Context(), 1, encodeCall(t, PinOp(plainPin(2)))), // for no request
		newCall(two, 1, encodeCall(t, PinOp(plainPin(3)))),
	}
	follower.batcher.send(calls, len(calls))
	var index uint64
	for _, c := range calls {
		r := <-c.done
		if r.err != nil || len(r.commit.Errs) != 1 || r.commit.Errs[0] != nil {
			t.Fatalf("%+v", r)
		}
		index = r.commit.Index
	}
	if told := w.told("peer="+leader.id.String(), "level=DEBUG", `request="one two"`, "proposer="+follower.id.String(), fmt.Sprint("index=", index)); len(told) != 1 {
		t.Errorf("the leader says %q", told)
	}
	for id, root := range map[string]trace.Span{"one": first, "two": second} {
		propose := w.named(t, "propose", root)
		replicate := w.named(t, "replicate", root)
		if propose.Parent().SpanID() != root.SpanContext().SpanID() || replicate.Parent().SpanID() != propose.SpanContext().SpanID() || !replicate.Parent().IsRemote() {
			t.Errorf("the spans of %s do not hang together: %v, %v", id, propose, replicate)
		}
		attributes := fmt.Sprint(replicate.Attributes())
		if !strings.Contains(attributes, id) || !strings.Contains(attributes, fmt.Sprint(index)) {
			t.Errorf("the leader's span of %s says %s", id, attributes)
		}
	}
	var entry raft.Log
	if err := leader.stores.log.GetLog(index, &entry); err != nil {
		t.Fatal(err)
	}
	plain := pinset.EncodeEntry(follower.batcher.client, 1, calls[0].body, calls[1].body, calls[2].body)
	if len(entry.Data) != len(plain) || bytes.Contains(entry.Data, []byte("one")) {
		t.Errorf("the entry has %d bytes, %d without requests", len(entry.Data), len(plain))
	}
}

// What is committed through the leader takes the same way but for the call.
func TestARequestToTheLeader(t *testing.T) {
	w := newWitness()
	tc := startCluster(t, 1, w.watch)
	ctx, root := w.request(t, "here")
	if _, err := tc.peers[0].Commit(ctx, PinOp(plainPin(1))); err != nil {
		t.Fatal(err)
	}
	above := root.SpanContext()
	for _, name := range []string{"commit", "propose", "replicate"} {
		s := w.named(t, name, root)
		if s.Parent().SpanID() != above.SpanID() {
			t.Errorf("%s is not below %v", name, above)
		}
		above = s.SpanContext()
	}
	if s := w.named(t, "wait until applied", root); s.Parent().SpanID() != root.SpanContext().SpanID() {
		t.Error("the wait does not belong to the request")
	}
	if told := w.told("level=DEBUG", "request=here"); len(told) != 1 {
		t.Errorf("it says %q", told)
	}
}

// What is late or lost is told of without debugging, on the leader.
func TestLateAndLostEntries(t *testing.T) {
	w := newWitness()
	var slow atomic.Bool
	tc := openPeers(t, 3, func(o *Options) {
		w.watch(o)
		o.Observe.Log = func(float64) {
			if slow.Load() {
				<-time.After(slowEntry + 100*time.Millisecond)
			}
		}
	})
	if err := tc.peers[0].Bootstrap(tc.ids()); err != nil {
		t.Fatal(err)
	}
	tc.awaitReady()
	leader, followers := tc.leader()
	slow.Store(true)
	ctx, _ := w.request(t, "late")
	if _, err := followers[0].Propose(ctx, PinOp(plainPin(1))); err != nil {
		t.Fatal(err)
	}
	slow.Store(false)
	eventually(t, func() bool { return len(w.told("level=WARN", "entry applied late", "request=late")) > 0 })
	leader, followers = tc.leader()
	for _, f := range followers {
		f.kill()
	}
	ctx, cancel := context.WithCancel(request.WithID(limit(t), "lost"))
	failed := make(chan error, 1)
	go func() {
		_, err := leader.Commit(ctx, PinOp(plainPin(2)))
		failed <- err
	}()
	eventually(t, func() bool {
		return len(w.told("level=WARN", "lost an entry", "request=lost", "peer="+leader.id.String())) == 1
	})
	cancel()
	if err := <-failed; err == nil {
		t.Error("an entry was committed by one of three")
	}
}

// olderService is that of builds that know of no requests.
type olderService struct {
	now     *service
	entries atomic.Int64
}

type olderStats = struct {
	Code          int
	LastContactMs int64
	LastTerm      uint64
	LastIndex     uint64
}

func (s *olderService) Propose(_ context.Context, entry []byte, out *proposeReply) error {
	s.entries.Add(1)
	*out = s.now.c.proposeHere(entry)
	return nil
}

func (s *olderService) ReadIndex(ctx context.Context, in struct{}, out *indexReply) error {
	return s.now.ReadIndex(ctx, in, out)
}

func (s *olderService) HasRoom(ctx context.Context, in struct{}, out *bool) error {
	return s.now.HasRoom(ctx, in, out)
}

func (s *olderService) Stats(_ context.Context, _ struct{}, out *olderStats) error {
	r := s.now.c.statsHere()
	*out = olderStats{r.Code, r.LastContactMs, r.LastTerm, r.LastIndex}
	return nil
}

// serveAs replaces what a peer does for the others.
func (m *member) serveAs(service any) {
	m.t.Helper()
	if err := rpc.NewServer(m.opts.Host, forwardProtocol).RegisterName(forwardService, service); err != nil {
		m.t.Fatal(err)
	}
}

// A leader that is an earlier build is forwarded entries as ever, large ones too, and the same peer as a later build is told more.
func TestALeaderOfAnEarlierBuild(t *testing.T) {
	w := newWitness()
	tc := startCluster(t, 3, w.watch)
	leader, followers := tc.leader()
	older := &olderService{now: &service{leader.Consensus}}
	leader.serveAs(older)
	large := make([]Op, 9000) // 600 kB
	for i := range large {
		large[i] = PinOp(plainPin(i))
	}
	for i, ops := range [][]Op{large[:1], large, large[:1]} {
		ctx, root := w.request(t, fmt.Sprint("older", i))
		if _, err := followers[0].Commit(ctx, ops...); err != nil {
			t.Fatal(err)
		}
		w.named(t, "propose", root)
	}
	if n := older.entries.Load(); n != 3 || len(w.told("request=older0")) > 0 {
		t.Errorf("%d entries were forwarded: %q", n, w.told("request=older0"))
	}
	leader.serveAs(&service{leader.Consensus})
	if err := leader.Handover(limit(t)); err != nil {
		t.Fatal(err)
	}
	later, followers := tc.leader()
	ctx, _ := w.request(t, "later")
	if _, err := followers[0].Commit(ctx, large[0]); err != nil {
		t.Fatal(err)
	}
	if len(w.told("request=later", "peer="+later.id.String())) == 0 {
		t.Error("the leader does not know the request")
	}
}

// A follower that is an earlier build forwards the bytes of an entry, and nothing else.
func TestAFollowerOfAnEarlierBuild(t *testing.T) {
	w := newWitness()
	tc := startCluster(t, 3, w.watch)
	leader, followers := tc.leader()
	client := rpc.NewClient(followers[0].opts.Host, forwardProtocol)
	propose := func(entry []byte) (out proposeReply) {
		t.Helper()
		if err := client.CallContext(limit(t), leader.id, forwardService, "Propose", entry, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	out := propose(pinset.EncodeEntry(pinset.ClientID{1}, 1, encodeCall(t, PinOp(plainPin(1)))))
	if out.Code != codeOK {
		t.Fatalf("code %d", out.Code)
	}
	if told := w.told("entry applied", fmt.Sprint("index=", out.Index)); len(told) != 1 || strings.Contains(told[0], "request=") {
		t.Errorf("the leader says %q", told)
	}
	if out := propose([]byte("nonsense")); out.Code != codeInvalid {
		t.Errorf("nonsense has code %d", out.Code)
	}
	if told := w.told("level=WARN", "refused a forwarded entry", "proposer="+followers[0].id.String()); len(told) != 1 {
		t.Errorf("the leader says %q", told)
	}
	var stats olderStats // the leader of an earlier build asks for them
	if err := client.CallContext(limit(t), leader.id, forwardService, "Stats", struct{}{}, &stats); err != nil || stats.LastIndex < out.Index {
		t.Errorf("%+v, %v", stats, err)
	}
}

// What makes no sense is no request, and changes nothing.
func TestNonsenseInPlaceOfRequests(t *testing.T) {
	w := newWitness()
	tc := startCluster(t, 3, w.watch)
	leader, followers := tc.leader()
	client := rpc.NewClient(followers[0].opts.Host, forwardProtocol)
	in := forwarded{
		Entry: pinset.EncodeEntry(pinset.ClientID{1}, 1, encodeCall(t, PinOp(plainPin(1)))),
		For:   []string{"", " ", "a\nb", "ok 00-0-0-0", strings.Repeat("x", 1<<16), "more", "than", "calls"},
	}
	var out proposeReply
	if err := client.CallContext(limit(t), leader.id, forwardService, "ProposeFor", in, &out); err != nil || out.Code != codeOK {
		t.Fatalf("%+v, %v", out, err)
	}
	if told := w.told(`request="ok more than calls"`, fmt.Sprint("index=", out.Index)); len(told) != 1 {
		t.Errorf("the leader says %q", told)
	}
}

// Following requests that are not traced allocates nothing until they are forwarded, and then one list for all.
func TestFollowingCostsNothingWhenOff(t *testing.T) {
	var of requests
	for i := range 64 {
		of = append(of, request.WithID(t.Context(), fmt.Sprint("id", i)))
	}
	if n := testing.AllocsPerRun(100, func() { of.begin("propose").end(nil) }); n != 0 {
		t.Errorf("%v allocations where nothing is traced", n)
	}
	if n := testing.AllocsPerRun(100, func() { of.pack() }); n != 1 {
		t.Errorf("%v allocations to forward them", n)
	}
	none := make(requests, 64)
	for i := range none {
		none[i] = t.Context()
	}
	if n := testing.AllocsPerRun(100, func() { none.pack() }); n != 0 {
		t.Errorf("%v allocations where there is no request", n)
	}
}
