package testkit

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// Machine is a machine on EC2 as the programs on it see it: what the metadata service tells, by its second version only, and an
// AWS that accepts every request and remembers it.
type Machine struct {
	URL string

	mu       sync.Mutex
	metadata map[string]string
	requests []url.Values
}

// NewMachine starts a machine, which ends with the test. It is called i-1, is in the auto scaling group "group" and in service.
func NewMachine(t testing.TB) *Machine {
	t.Helper()
	m := &Machine{metadata: map[string]string{
		"instance-id": "i-1", "tags/instance/aws:autoscaling:groupName": "group", "autoscaling/target-lifecycle-state": "InService",
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /latest/api/token", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"))
		io.WriteString(w, "a token") //nolint:errcheck // the client sees it
	})
	mux.HandleFunc("GET /latest/meta-data/", m.tell)
	mux.HandleFunc("POST /{$}", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.requests = append(m.requests, r.PostForm)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	m.URL = server.URL
	return m
}

func (m *Machine) tell(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	text, ok := m.metadata[strings.TrimPrefix(r.URL.Path, "/latest/meta-data/")]
	switch {
	case r.Header.Get("X-Aws-Ec2-Metadata-Token") != "a token":
		http.Error(w, "who asks?", http.StatusUnauthorized)
	case !ok:
		http.NotFound(w, r)
	default:
		io.WriteString(w, text) //nolint:errcheck // the client sees it
	}
}

// Set changes what the metadata service tells; empty: there is no such thing.
func (m *Machine) Set(name, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.metadata[name] = text; text == "" {
		delete(m.metadata, name)
	}
}

// Requests are those that AWS got.
func (m *Machine) Requests() []url.Values {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]url.Values(nil), m.requests...)
}

// Environment is that of a program on the machine.
func (m *Machine) Environment() map[string]string {
	return map[string]string{
		"AWS_EC2_METADATA_SERVICE_ENDPOINT": m.URL, "AWS_ENDPOINT_URL": m.URL, "AWS_REGION": "eu-central-1",
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
	}
}
