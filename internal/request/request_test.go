package request_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/underlay/underlay/internal/request"
)

// logger writes at a level to a buffer.
func logger(level slog.Level) (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: level})), &b
}

// answered is a handler that answers with the identity that it sees.
func answered(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, request.ID(r.Context()))
}

func TestIdentity(t *testing.T) {
	quiet, _ := logger(slog.LevelInfo)
	h := request.Handler(request.Options{Logger: quiet}, http.HandlerFunc(answered))
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, c := range []struct {
		name string
		sent map[string]string
		want string // empty: one is made
	}{
		{"none", nil, ""},
		{"its own", map[string]string{"X-Request-Id": "a-1", "X-Amzn-Trace-Id": "Root=1-2-3", "Traceparent": parent}, "a-1"},
		{"AWS", map[string]string{"X-Amzn-Trace-Id": "Self=1-9-9;Root=1-67891233-abcdef012345678912345678;Sampled=1", "Traceparent": parent}, "1-67891233-abcdef012345678912345678"},
		{"W3C", map[string]string{"Traceparent": parent}, "4bf92f3577b34da6a3ce929d0e0e4736"},
		{"a line break", map[string]string{"X-Request-Id": "a\nlevel=ERROR"}, ""},
		{"a quote", map[string]string{"X-Request-Id": `a"b`}, ""},
		{"not ASCII", map[string]string{"X-Request-Id": "ä"}, ""},
		{"too long", map[string]string{"X-Request-Id": strings.Repeat("a", 129)}, ""},
		{"long", map[string]string{"X-Request-Id": strings.Repeat("a", 128)}, strings.Repeat("a", 128)},
		{"wrong parts", map[string]string{"Traceparent": "00-xyz-1-1", "X-Amzn-Trace-Id": "Root=;Root"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := make(map[string]bool)
			for range 2 {
				r := httptest.NewRequest("GET", "/", nil)
				for name, value := range c.sent {
					r.Header.Set(name, value)
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				id := w.Header().Get(request.Header)
				if id == "" || id != w.Body.String() || c.want != "" && id != c.want {
					t.Errorf("answered %q, seen %q, want %q", id, w.Body, c.want)
				}
				seen[id] = true
			}
			if c.want == "" && len(seen) != 2 {
				t.Errorf("two requests have the identity of one: %v", seen)
			}
		})
	}
}

func TestALineForEachRequest(t *testing.T) {
	debug, out := logger(slog.LevelDebug)
	h := request.Handler(request.Options{Server: "api", Logger: debug}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/broken":
			w.WriteHeader(http.StatusAccepted)
			panic(http.ErrAbortHandler)
		case "/missing":
			http.Error(w, "missing", http.StatusNotFound)
		case "/copy":
			_, _ = io.Copy(w, strings.NewReader("12345"))
			w.(http.Flusher).Flush()
		}
	}))
	for path, want := range map[string]string{
		"/broken": "status=202 bytes=0 complete=false", "/missing": "status=404 bytes=8 complete=true",
		"/copy": "status=200 bytes=5 complete=true", "/empty": "status=200 bytes=0 complete=true",
	} {
		out.Reset()
		func() {
			defer func() {
				if r := recover(); r != nil && r != http.ErrAbortHandler {
					panic(r)
				}
			}()
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", path+"?arg=a-secret", nil))
		}()
		if line := out.String(); !strings.Contains(line, want) || !strings.Contains(line, "server=api") || strings.Contains(line, "secret") {
			t.Errorf("%s: %s, want %s", path, line, want)
		}
	}
}

// traced makes a tracer whose spans can be read.
func traced() (*trace.TracerProvider, *tracetest.SpanRecorder) {
	spans := tracetest.NewSpanRecorder()
	return trace.NewTracerProvider(trace.WithSpanProcessor(spans)), spans
}

// A request that leads to a call of another peer is one trace, which begins where the balancer began it.
func TestATraceOfTwoPeers(t *testing.T) {
	quiet, _ := logger(slog.LevelInfo)
	provider, spans := traced()
	o := request.Options{Server: "api", Logger: quiet, Tracer: provider.Tracer(request.Scope)}
	var packed string
	second := httptest.NewServer(request.Handler(o, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		packed = request.Pack(r.Context())
	})))
	defer second.Close()
	client := &http.Client{Transport: request.Transport{RoundTripper: http.DefaultTransport}}
	first := request.Handler(o, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx, span := request.Start(r.Context(), "work")
		defer span.Done(io.ErrUnexpectedEOF)
		req, _ := http.NewRequestWithContext(ctx, "POST", second.URL+"/node/x", nil)
		resp, err := client.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		if resp.Body.Close(); resp.Header.Get(request.Header) != "" || !strings.HasPrefix(packed, "id-1 ") {
			t.Errorf("the other peer knows it as %q, and answers %q", packed, resp.Header.Get(request.Header))
		}
	}))
	r := httptest.NewRequest("POST", "/api/v0/pin/add?arg=x", nil)
	r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	r.Header.Set(request.Header, "id-1")
	first.ServeHTTP(httptest.NewRecorder(), r)
	_, held := request.Receive(t.Context(), packed, o.Tracer, "hold")
	held.Done(nil)
	var names []string
	for _, s := range spans.Ended() {
		names = append(names, s.Name())
		if got := s.SpanContext().TraceID().String(); got != "4bf92f3577b34da6a3ce929d0e0e4736" {
			t.Errorf("%s is in trace %s", s.Name(), got)
		}
	}
	if got := strings.Join(names, ", "); got != "POST /node, call, work, POST /api/v0/pin/add, hold" {
		t.Errorf("spans: %s", got)
	}
}

// What serves the request may begin spans by its header, as kubo does: they are below the one of the request, not beside it.
func TestTheHeaderNamesTheSpanOfTheRequest(t *testing.T) {
	quiet, _ := logger(slog.LevelInfo)
	provider, spans := traced()
	for _, public := range []bool{false, true} {
		var seen string
		h := request.Handler(request.Options{Logger: quiet, Tracer: provider.Tracer(request.Scope), Public: public}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			seen = r.Header.Get("Traceparent")
		}))
		r := httptest.NewRequest("POST", "/", nil)
		const theirs = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
		r.Header.Set("Traceparent", theirs)
		h.ServeHTTP(httptest.NewRecorder(), r)
		ended := spans.Ended()
		ours := ended[len(ended)-1].SpanContext()
		if want := "00-" + ours.TraceID().String() + "-" + ours.SpanID().String() + "-01"; seen != want || r.Header.Get("Traceparent") != theirs {
			t.Errorf("public %v: the header below names %q, want %q; that of the caller's request is %q", public, seen, want, r.Header.Get("Traceparent"))
		}
	}
}

// What anybody sends decides neither what is recorded nor under which number.
func TestPublicTracesAreReferredTo(t *testing.T) {
	quiet, _ := logger(slog.LevelInfo)
	provider, spans := traced()
	h := request.Handler(request.Options{Logger: quiet, Tracer: provider.Tracer(request.Scope), Public: true}, http.HandlerFunc(answered))
	r := httptest.NewRequest("GET", "/ipfs/x", nil)
	r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	h.ServeHTTP(httptest.NewRecorder(), r)
	const theirs = "4bf92f3577b34da6a3ce929d0e0e4736"
	s := spans.Ended()[0]
	if s.SpanContext().TraceID().String() == theirs || len(s.Links()) != 1 || s.Links()[0].SpanContext.TraceID().String() != theirs {
		t.Errorf("trace %s, links %v", s.SpanContext().TraceID(), s.Links())
	}
}

// Without traces a span costs no allocation.
func TestSpansCostNothingWhenOff(t *testing.T) {
	ctx := request.WithID(t.Context(), "id")
	if n := testing.AllocsPerRun(1000, func() { spanOff(ctx) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func spanOff(ctx context.Context) {
	_, span := request.Start(ctx, "work")
	span.Text("key", "value")
	span.Done(nil)
}

func BenchmarkSpan(b *testing.B) {
	b.Run("off", func(b *testing.B) {
		ctx := request.WithID(b.Context(), "id")
		b.ReportAllocs()
		for b.Loop() {
			spanOff(ctx)
		}
	})
	b.Run("on", func(b *testing.B) {
		provider := trace.NewTracerProvider()
		ctx, span := provider.Tracer("bench").Start(request.WithID(b.Context(), "id"), "request")
		defer span.End()
		b.ReportAllocs()
		for b.Loop() {
			spanOff(ctx)
		}
	})
}
