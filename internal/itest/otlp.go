package itest

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// RecordedSpan is a span that a peer has sent.
type RecordedSpan struct{ Peer, Trace, ID, Parent, Name string }

// Collector receives traces by OTLP over HTTP, as an observability backend does.
type Collector struct {
	URL string

	mu    sync.Mutex
	spans []RecordedSpan
}

// StartCollector runs a collector until the test ends.
func StartCollector(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		var sent collector.ExportTraceServiceRequest
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(raw, &sent) != nil {
			t.Errorf("%s %s is no trace: %v", r.Method, r.URL, err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.add(&sent)
	}))
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

func (c *Collector) add(sent *collector.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range sent.ResourceSpans {
		var peer string
		for _, a := range resource.Resource.Attributes {
			if a.Key == "service.instance.id" {
				peer = a.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, RecordedSpan{
					peer, hex.EncodeToString(s.TraceId), hex.EncodeToString(s.SpanId), hex.EncodeToString(s.ParentSpanId), s.Name,
				})
			}
		}
	}
}

// Spans lists the spans of a trace so far.
func (c *Collector) Spans(trace string) (found []RecordedSpan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if s.Trace == trace {
			found = append(found, s)
		}
	}
	return found
}
