package denylist

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/denial"
	"github.com/underlay/underlay/internal/testkit"
	"github.com/underlay/underlay/internal/testkit/lone"
)

const (
	v0   = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPBdG"
	v1   = "bafybeie5nqv6kd3qnfjupgvz34woh3oksc3iau6abmyajn7qvtf6dz5tp4"
	hash = "//1f40fc92da241694750979ee6cf582f2d5d7d28e18335de05abc54d0560e0f53"
)

// gate is what a gateway has in force.
type gate struct {
	mu    sync.Mutex
	rules []denial.Rule
}

func (g *gate) apply(rules []denial.Rule) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rules = rules
	return nil
}

func (g *gate) has(rules ...string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	var have []string
	for _, r := range g.rules {
		have = append(have, r.Rule)
	}
	return slices.Equal(have, rules)
}

// member opens the list of one peer, and serves it until the test ends or stop is called.
func member(t *testing.T, state State, leads func() bool, purge func(context.Context, []denial.Rule) error) (d *Denylist, g *gate, stop func()) {
	t.Helper()
	g = &gate{}
	d, err := Open(Options{State: state, Leads: leads, Apply: g.apply, Purge: purge, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Serve(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(stop)
	return d, g, stop
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	testkit.Eventually(t, 20*time.Second, what, ok)
}

func always() bool { return true }
func never() bool  { return false }

// A rule is in force where it was made when that returns, and soon everywhere else; so is its end.
func TestRulesReachAllPeers(t *testing.T) {
	state := lone.Open(t, t.TempDir())
	a, atA, _ := member(t, state, always, nil)
	b, atB, _ := member(t, state, never, nil)
	ctx := t.Context()
	made := denial.Rule{Rule: v0, Reason: "spam", By: "token 1", At: time.Now().UTC()}
	if got, err := a.Add(ctx, made); err != nil || got.Rule != "/ipfs/"+v0 {
		t.Fatalf("%+v, %v", got, err)
	}
	if !atA.has("/ipfs/" + v0) {
		t.Error("not in force where it was made")
	}
	eventually(t, "in force on the other peer", func() bool { return atB.has("/ipfs/" + v0) })
	if _, err := b.Add(ctx, denial.Rule{Rule: v1, Status: 451, At: made.At.Add(1)}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another form took its place", func() bool { return atA.has("/ipfs/" + v1) })
	if _, err := b.Add(ctx, denial.Rule{Rule: hash, At: made.At.Add(2)}); err != nil {
		t.Fatal(err)
	}
	list, err := a.List(ctx)
	if err != nil || len(list) != 2 || list[0].Status != 451 || list[1].Rule != hash {
		t.Errorf("list: %+v, %v", list, err)
	}
	if _, late, _ := member(t, state, never, nil); !late.has("/ipfs/"+v1, hash) {
		t.Error("a peer that starts has not all from the beginning")
	}
	if err := a.Remove(ctx, "ipfs://"+v0); err != nil {
		t.Fatal(err)
	}
	if !atA.has(hash) {
		t.Error("still in force where it was taken back")
	}
	eventually(t, "taken back on the other peer", func() bool { return atB.has(hash) })
	if err := a.Remove(ctx, v0); !errors.Is(err, denial.ErrNotFound) {
		t.Errorf("taken back twice: %v", err)
	}
	if _, err := a.Add(ctx, denial.Rule{Rule: "nothing"}); !errors.Is(err, denial.ErrInvalid) {
		t.Errorf("no rule: %v", err)
	}
}

// cdn receives purges over HTTP.
type cdn struct {
	*httptest.Server
	fails atomic.Int32 // how many calls it answers with an error
	mu    sync.Mutex
	calls []purge
	auth  []string
}

func newCDN(t *testing.T) *cdn {
	t.Helper()
	c := &cdn{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var p purge
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &p); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %v", r.Method, body, err)
		}
		if c.fails.Add(-1) >= 0 {
			http.Error(w, "not now", http.StatusBadGateway)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.calls = append(c.calls, p)
		c.auth = append(c.auth, r.Header.Get("Authorization"))
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *cdn) purged() (paths []string, calls int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.calls {
		paths = append(paths, p.Paths...)
	}
	return paths, len(c.calls)
}

// The leader tells the CDN of each rule, again until it has understood, and then never again; another leader goes on
// where one has stopped. A hash tells the CDN nothing.
func TestPurge(t *testing.T) {
	c := newCDN(t)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	hook := Hook{URL: c.URL, TokenFile: token}
	state := lone.Open(t, t.TempDir())
	var first atomic.Bool
	first.Store(true)
	a, _, stop := member(t, state, first.Load, hook.Purge)
	member(t, state, func() bool { return !first.Load() }, hook.Purge)
	ctx := t.Context()

	c.fails.Store(1)
	if _, err := a.Add(ctx, denial.Rule{Rule: hash}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Add(ctx, denial.Rule{Rule: v0}); err != nil {
		t.Fatal(err)
	}
	want := []string{"/ipfs/" + v0, "/ipfs/" + v1}
	eventually(t, "the CDN was told", func() bool { paths, _ := c.purged(); return slices.Equal(paths, want) })
	eventually(t, "that is noted", func() bool {
		values, err := state.Values(ctx, purgePlace)
		return err == nil && len(values) == 0
	})
	if c.fails.Load() >= 0 || c.auth[0] != "Bearer secret" {
		t.Errorf("first call was not refused, or the token is %q", c.auth[0])
	}

	c.fails.Store(1 << 30)
	if _, err := a.Add(ctx, denial.Rule{Rule: "/ipns/example.org"}); err != nil {
		t.Fatal(err)
	}
	before := c.fails.Load()
	eventually(t, "the first leader has tried", func() bool { return c.fails.Load() < before })
	stop()
	first.Store(false)
	c.fails.Store(0)
	eventually(t, "the next leader has told it", func() bool {
		paths, _ := c.purged()
		return slices.Equal(paths, append(want, "/ipns/example.org"))
	})
	if _, calls := c.purged(); calls != 2 {
		t.Errorf("told %d times of two changes", calls)
	}
}

// Without a CDN nothing is left to tell.
func TestNoCDN(t *testing.T) {
	state := lone.Open(t, t.TempDir())
	a, _, _ := member(t, state, always, nil)
	if _, err := a.Add(t.Context(), denial.Rule{Rule: v0}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the note is gone", func() bool {
		values, err := state.Values(t.Context(), purgePlace)
		return err == nil && len(values) == 0
	})
}

// A redirect, and a token that cannot be read, are failures.
func TestHookFails(t *testing.T) {
	s := httptest.NewServer(http.RedirectHandler("/elsewhere", http.StatusFound))
	t.Cleanup(s.Close)
	if err := (Hook{URL: s.URL}).Purge(t.Context(), nil); err == nil {
		t.Error("a redirect is a success")
	}
	if err := (Hook{URL: newCDN(t).URL, TokenFile: "/nowhere"}).Purge(t.Context(), nil); err == nil {
		t.Error("called without its token")
	}
}
