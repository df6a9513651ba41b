package rest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/denial"
)

// fakeDenylist is one without a cluster.
type fakeDenylist struct {
	rules []denial.Rule
	fail  error
}

func (f *fakeDenylist) List(context.Context) ([]denial.Rule, error) { return f.rules, f.fail }

func (f *fakeDenylist) Add(_ context.Context, r denial.Rule) (denial.Rule, error) {
	r, err := r.Check()
	if err = errors.Join(err, f.fail); err == nil {
		f.rules = append(f.rules, r)
	}
	return r, err
}

func (f *fakeDenylist) Remove(_ context.Context, rule string) error {
	if len(f.rules) == 0 || f.rules[0].Rule != rule {
		return denial.ErrNotFound
	}
	f.rules = f.rules[1:]
	return f.fail
}

func TestDeny(t *testing.T) {
	f := &fakeDenylist{}
	s := serve(t, newFake(), func(o *Options) { o.Denylist = f })
	for _, c := range []struct {
		method, path, body string
		status             int
		contains           string
	}{
		{"GET", "/deny", "", 200, "[]"},
		{"POST", "/deny", `{"rule":"ipns://Example.org","status":451,"reason":"why"}`, 201, `"rule":"/ipns/example.org","status":451,"reason":"why"`},
		{"GET", "/deny", "", 200, `[{"rule":"/ipns/example.org"`},
		{"POST", "/deny", `{"rule":"nothing"}`, 400, "invalid rule"},
		{"POST", "/deny", `{"rule":"ipns://example.org","by":"somebody else"}`, 400, "unknown field"},
		{"POST", "/deny", `{"rule":"ipns://example.org","status":404}`, 400, "410 or 451"},
		{"POST", "/deny", `rule`, 400, "read the rule"},
		{"POST", "/deny", `{"reason":"` + strings.Repeat("a", denyBytes) + `"}`, 400, "too large"},
		{"DELETE", "/deny?rule=/ipns/example.org", "", 204, ""},
		{"DELETE", "/deny?rule=/ipns/example.org", "", 404, "no such rule"},
		{"PUT", "/deny", "", 405, ""},
	} {
		got := ask(t, c.method, s.URL+c.path, c.body)
		if got.StatusCode != c.status || !strings.Contains(got.body, c.contains) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, got.StatusCode, got.body)
		}
	}
	got := ask(t, "POST", s.URL+"/deny", `{"rule":"/ipns/example.org"}`)
	var made denial.Rule
	if err := json.Unmarshal([]byte(got.body), &made); err != nil || time.Since(made.At) > time.Hour {
		t.Errorf("%s: %+v, %v", got.body, made, err)
	}
	f.fail = consensus.ErrNoLeader
	for _, method := range []string{"GET", "POST"} {
		if got := ask(t, method, s.URL+"/deny", `{"rule":"/ipns/example.org"}`); got.StatusCode != 503 || got.Header.Get("Retry-After") == "" {
			t.Errorf("%s without a leader: %d", method, got.StatusCode)
		}
	}
	if got := ask(t, "GET", serve(t, newFake(), nil).URL+"/deny", ""); got.StatusCode != 404 {
		t.Errorf("without a list: %d", got.StatusCode)
	}
}
