package access

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/test"

	"github.com/underlay/underlay/internal/testkit/sharedlog"
)

// rig is one peer: its registry, and its guard before a handler that answers 299 to whatever passes.
type rig struct {
	t        testing.TB
	id       peer.ID
	values   *sharedlog.Member
	registry *Registry
	guard    *Guard
	handler  http.Handler
	log      *lockedBuffer
	others   *[]*rig
}

// passed is the answer of what stands behind the guard.
const passed = 299

// newRigs makes peers that share their credentials; edit changes the options of their guards.
func newRigs(t testing.TB, n int, edit func(*Options)) []*rig {
	t.Helper()
	log, rigs := sharedlog.New(), new([]*rig)
	for range n {
		id, err := test.RandPeerID()
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{t: t, id: id, values: log.Join(t), log: &lockedBuffer{}, others: rigs}
		logger := slog.New(slog.NewTextHandler(r.log, nil))
		if r.registry, err = OpenRegistry(r.values, r, logger); err != nil {
			t.Fatal(err)
		}
		o := Options{Registry: r.registry, Terms: Terms{Open: true}, Logger: logger}
		if edit != nil {
			edit(&o)
		}
		r.guard = New(o)
		r.handler = r.guard.Wrap(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if sent := req.Header.Get("Authorization"); sent != "" && r.guard.Configured() {
				t.Errorf("the credential %q has come through the guard", sent)
			}
			w.WriteHeader(passed)
		}), Private)
		r.serve()
		*rigs = append(*rigs, r)
	}
	return *rigs
}

// serve follows the credentials until the test ends.
func (r *rig) serve() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.registry.Serve(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("serve registry: %v", err)
		}
	})
}

// ID, Names and Transport implement Peers.
func (r *rig) ID() peer.ID { return r.id }

func (r *rig) Names(context.Context) (map[peer.ID]string, error) {
	names := make(map[peer.ID]string)
	for _, other := range *r.others {
		names[other.id] = ""
	}
	return names, nil
}

func (r *rig) Transport() http.RoundTripper { return r }

// RoundTrip implements http.RoundTripper: a peer that is cut off does not answer.
func (r *rig) RoundTrip(req *http.Request) (*http.Response, error) {
	for _, other := range *r.others {
		if other.id.String() != req.URL.Host {
			continue
		}
		if other.values.IsCut() || r.values.IsCut() {
			return nil, fmt.Errorf("no route to %s", other.id)
		}
		w := httptest.NewRecorder()
		other.registry.Known().ServeHTTP(w, req)
		return w.Result(), nil
	}
	return nil, fmt.Errorf("no peer %s", req.URL.Host)
}

// ask sends a request with a credential, which is a token, user:password, or empty.
func (r *rig) ask(method, target, credential, body string) *httptest.ResponseRecorder {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, r.request(method, target, credential, body))
	return w
}

func (r *rig) request(method, target, credential, body string) *http.Request {
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	user, password, basic := strings.Cut(credential, ":")
	switch {
	case basic:
		req.SetBasicAuth(user, password)
	case credential != "":
		req.Header.Set("Authorization", "Bearer "+credential)
	}
	return req
}

// want fails the test unless the answer has a status; it returns the body.
func (r *rig) want(status int, method, target, credential, body string) string {
	r.t.Helper()
	w := r.ask(method, target, credential, body)
	if w.Code != status {
		r.t.Fatalf("%s %s: %d %s, want %d", method, target, w.Code, w.Body, status)
	}
	return w.Body.String()
}

// token makes a token; scopes are the elements of a JSON list. as is who makes it.
func (r *rig) token(as, scopes string, more ...string) (id, secret string) {
	r.t.Helper()
	body := fmt.Sprintf(`{"name": "test", "scopes": [%s]%s}`, scopes, strings.Join(append([]string{""}, more...), ","))
	var made struct{ ID, Token string }
	if err := json.Unmarshal([]byte(r.want(http.StatusCreated, "POST", "/access/tokens", as, body)), &made); err != nil {
		r.t.Fatal(err)
	}
	return made.ID, made.Token
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}
