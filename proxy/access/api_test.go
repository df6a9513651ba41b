package access

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// What is wrong with a request is named, and changes nothing.
func TestBadRequests(t *testing.T) {
	r := newRigs(t, 1, withAdmin)[0]
	const user = `"name": "alice", "password": "correct horse"`
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		says                     string
	}{
		{"no body", "POST", "/access/tokens", ``, 400, "body"},
		{"no JSON", "POST", "/access/tokens", `{`, 400, "body"},
		{"two objects", "POST", "/access/tokens", `{"name": "a", "scopes": ["read"]} {}`, 400, "one JSON object"},
		{"unknown field", "POST", "/access/tokens", `{"name": "a", "scope": ["read"]}`, 400, `scope`},
		{"no name", "POST", "/access/tokens", `{"scopes": ["read"]}`, 400, "name:"},
		{"strange name", "POST", "/access/tokens", `{"name": "a\n", "scopes": ["read"]}`, 400, "name:"},
		{"no scopes", "POST", "/access/tokens", `{"name": "a"}`, 400, "scopes:"},
		{"empty scopes", "POST", "/access/tokens", `{"name": "a", "scopes": []}`, 400, "scopes:"},
		{"unknown scope", "POST", "/access/tokens", `{"name": "a", "scopes": ["write"]}`, 400, `\"write\" is none of read, pin, add, admin`},
		{"scopes that are no list", "POST", "/access/tokens", `{"name": "a", "scopes": "read"}`, 400, "scopes:"},
		{"both ends", "POST", "/access/tokens", `{"name": "a", "scopes": ["read"], "expire_in": "1h", "expires": "2100-01-01T00:00:00Z"}`, 400, "exclude"},
		{"past end", "POST", "/access/tokens", `{"name": "a", "scopes": ["read"], "expires": "2000-01-01T00:00:00Z"}`, 400, "expires: is in the past"},
		{"no time", "POST", "/access/tokens", `{"name": "a", "scopes": ["read"], "expires": "tomorrow"}`, 400, "expires:"},
		{"no duration", "POST", "/access/tokens", `{"name": "a", "scopes": ["read"], "expire_in": "-1h"}`, 400, "expire_in:"},
		{"token with password", "POST", "/access/tokens", `{"scopes": ["read"], ` + user + `}`, 400, "password:"},
		{"user without password", "POST", "/access/users", `{"name": "alice", "scopes": ["read"]}`, 400, "password:"},
		{"short password", "POST", "/access/users", `{"name": "alice", "scopes": ["read"], "password": "short"}`, 400, "password: must have"},
		{"long password", "POST", "/access/users", `{"name": "alice", "scopes": ["read"], "password": "` + strings.Repeat("x", 73) + `"}`, 400, "password: must have"},
		{"password like a token", "POST", "/access/users", `{"name": "alice", "scopes": ["read"], "password": "` + newToken() + `"}`, 400, "password: must not"},
		{"user with a blank", "POST", "/access/users", `{"name": "a b", "scopes": ["read"], "password": "correct horse"}`, 400, "name:"},
		{"huge body", "POST", "/access/users", `{"name": "` + strings.Repeat("x", maxBody) + `"}`, 413, "body"},
		{"no such token", "GET", "/access/tokens/x", "", 404, "token x"},
		{"no such token to revoke", "DELETE", "/access/tokens/x", "", 404, "token x"},
		{"no such user", "GET", "/access/users/x", "", 404, "user x"},
		{"no such user to change", "PUT", "/access/users/x", "{}", 404, "user x"},
		{"no pins at all", "POST", "/access/tokens", `{"name": "a", "scopes": ["read"], "max_pins": 0}`, 400, "max_pins: must be"},
		{"bytes that are no number", "POST", "/access/tokens", `{"name": "a", "scopes": ["read"], "max_bytes": "1GB"}`, 400, "max_bytes: must be"},
		{"fewer than no bytes", "PUT", "/access/users/x", `{"max_bytes": -1}`, 404, "user x"},
		{"no such token to change", "PUT", "/access/tokens/x", "{}", 404, "token x"},
		{"another name for a token", "PUT", "/access/tokens/x", `{"name": "b"}`, 400, "name:"},
		{"a password for a token", "PUT", "/access/tokens/x", `{"password": "correct horse"}`, 400, "password:"},
		{"no such route", "GET", "/access/nothing", "", 404, "not found"},
		{"a token of no user", "POST", "/token", "", 403, "only for a user"},
	} {
		w := r.ask(c.method, c.path, adminToken, c.body)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: %d %s, want %d and %q", c.name, w.Code, w.Body, c.status, c.says)
		}
	}
	if list := r.want(200, "GET", "/access/tokens", adminToken, "") + r.want(200, "GET", "/access/users", adminToken, ""); list != "[]\n[]\n" {
		t.Errorf("something was changed: %s", list)
	}
}

// Secrets are shown once and kept nowhere; everything else is shown by every peer, in the order of creation.
func TestCredentialsAreListed(t *testing.T) {
	rigs := newRigs(t, 2, nil)
	id, admin := rigs[0].token("", `"admin"`)
	const alice = `{"name": "alice", "password": "correct horse", "scopes": ["pin", "add"], "expires": "2100-01-01T00:00:00Z"}`
	rigs[0].want(http.StatusCreated, "POST", "/access/users", admin, alice)
	second, _ := rigs[1].token(admin, `"read"`)
	rigs[1].want(http.StatusOK, "POST", "/token", "alice:correct horse", "")
	for _, r := range rigs {
		var tokens, users []shown
		list := r.want(http.StatusOK, "GET", "/access/tokens", admin, "")
		if err := json.Unmarshal([]byte(list), &tokens); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(r.want(http.StatusOK, "GET", "/access/users", admin, "")), &users); err != nil {
			t.Fatal(err)
		}
		if len(tokens) != 3 || tokens[0].ID != id || tokens[0].CreatedBy != "anybody" || tokens[1].ID != second ||
			tokens[1].CreatedBy != "token "+id || tokens[2].Parent != "user alice" || strings.Contains(list, tokenPrefix) {
			t.Errorf("tokens: %s", list)
		}
		if len(users) != 1 || users[0].Name != "alice" || users[0].Scopes != Pin|Add || users[0].Expires.Year() != 2100 {
			t.Errorf("users: %+v", users)
		}
		if one := r.want(http.StatusOK, "GET", "/access/tokens/"+second, admin, ""); !strings.Contains(one, second) {
			t.Errorf("one token: %s", one)
		}
	}
	values, err := rigs[1].values.Values(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		if strings.Contains(string(v.Data), admin) || strings.Contains(string(v.Data), "correct horse") {
			t.Errorf("%s keeps a secret: %s", v.Key, v.Data)
		}
	}
}

// POST /token gives out what is as good as its parent, and falls with it.
func TestIssuedTokens(t *testing.T) {
	rigs := newRigs(t, 2, withAdmin)
	r := rigs[0]
	r.want(http.StatusCreated, "POST", "/access/users", adminToken, `{"name": "alice", "password": "correct horse", "scopes": ["pin"], "expire_in": "30m"}`)
	issue := func(as string) string {
		t.Helper()
		var issued struct{ Token string }
		if err := json.Unmarshal([]byte(r.want(http.StatusOK, "POST", "/token", as, "")), &issued); err != nil {
			t.Fatal(err)
		}
		return issued.Token
	}
	token := issue("alice:correct horse")
	again := issue(token)
	for _, held := range []string{token, again} {
		rigs[1].want(passed, "POST", "/pins/x", held, "")
		rigs[1].want(http.StatusForbidden, "POST", "/add", held, "")
		var self struct {
			Kind    string
			Expires time.Time
		}
		if err := json.Unmarshal([]byte(rigs[1].want(http.StatusOK, "GET", "/access/self", held, "")), &self); err != nil {
			t.Fatal(err)
		}
		if left := time.Until(self.Expires); self.Kind != KindToken || left > 31*time.Minute {
			t.Errorf("it is a %s for %s, longer than the user", self.Kind, left)
		}
	}
	r.want(http.StatusOK, "PUT", "/access/users/alice", adminToken, `{"scopes": ["read"]}`)
	rigs[1].want(http.StatusForbidden, "POST", "/pins/x", token, "")
	rigs[1].want(passed, "GET", "/pins", token, "")
	r.want(http.StatusOK, "PUT", "/access/users/alice", adminToken, `{"password": "battery staple"}`)
	rigs[1].want(http.StatusUnauthorized, "GET", "/pins", again, "")
	token = issue("alice:battery staple")
	r.want(http.StatusNoContent, "DELETE", "/access/users/alice", adminToken, "")
	rigs[1].want(http.StatusUnauthorized, "GET", "/pins", token, "")
	if list := r.want(http.StatusOK, "GET", "/access/tokens", adminToken, ""); list != "[]\n" {
		t.Errorf("left behind: %s", list)
	}
}

// One credential cannot fill the log with tokens.
func TestIssuedTokensAreBounded(t *testing.T) {
	r := newRigs(t, 1, withAdmin)[0]
	_, parent := r.token(adminToken, `"read"`)
	for range issuedMost {
		r.want(http.StatusOK, "POST", "/token", parent, "")
	}
	if w := r.ask("POST", "/token", parent, ""); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("one more: %d %s", w.Code, w.Body)
	}
	r.guard.now = func() time.Time { return time.Now().Add(issuedFor + keptFor + time.Minute) }
	r.want(http.StatusOK, "POST", "/token", parent, "")
	var left []shown
	if err := json.Unmarshal([]byte(r.want(http.StatusOK, "GET", "/access/tokens", adminToken, "")), &left); err != nil {
		t.Fatal(err)
	}
	if len(left) != 2 { // the parent and its newest
		t.Errorf("%d are left of those that have expired", len(left)-2)
	}
}

// An end is an end, on the clock of the peer that is asked; it can be moved, and taken away.
func TestExpiry(t *testing.T) {
	r := newRigs(t, 1, withAdmin)[0]
	r.want(http.StatusCreated, "POST", "/access/users", adminToken, `{"name": "alice", "password": "correct horse", "scopes": ["read"], "expire_in": "1h"}`)
	id, token := r.token(adminToken, `"read"`, `"expire_in": "1h"`)
	r.want(passed, "GET", "/id", token, "")
	r.want(passed, "GET", "/id", "alice:correct horse", "")
	r.guard.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	if body := r.want(http.StatusUnauthorized, "GET", "/id", token, ""); !strings.Contains(body, "token "+id+" has expired") {
		t.Errorf("told %s", body)
	}
	r.want(http.StatusUnauthorized, "GET", "/id", "alice:correct horse", "")
	r.want(http.StatusBadRequest, "PUT", "/access/users/alice", adminToken, `{"scopes": ["pin"]}`)
	if body := r.want(http.StatusOK, "PUT", "/access/users/alice", adminToken, `{"expires": null}`); strings.Contains(body, "expires") {
		t.Errorf("the end is still there: %s", body)
	}
	r.want(passed, "GET", "/id", "alice:correct horse", "")
}

// The first credential must be able to make the next, and the last that can is not given up by mistake.
func TestNobodyIsLockedOutByMistake(t *testing.T) {
	r := newRigs(t, 1, nil)[0]
	body := r.want(http.StatusBadRequest, "POST", "/access/tokens", "", `{"name": "a", "scopes": ["add", "pin", "read"]}`)
	if !strings.Contains(body, "the first credential must have admin") {
		t.Errorf("told %s", body)
	}
	r.want(http.StatusForbidden, "POST", "/token", "", "")
	r.want(http.StatusCreated, "POST", "/access/users", "", `{"name": "alice", "password": "correct horse", "scopes": ["admin"]}`)
	const alice = "alice:correct horse"
	id, token := r.token(alice, `"read"`)
	r.want(http.StatusConflict, "DELETE", "/access/users/alice", alice, "")
	r.want(http.StatusConflict, "PUT", "/access/users/alice", alice, `{"scopes": ["read"]}`)
	r.want(http.StatusNoContent, "DELETE", "/access/users/alice?force=true", alice, "")
	r.want(http.StatusUnauthorized, "GET", "/id", "", "")
	r.want(passed, "GET", "/id", token, "")
	r.want(http.StatusForbidden, "DELETE", "/access/tokens/"+id, token, "")
}

// A page of another site may not make itself a credential through the browser of somebody who is let in.
func TestOtherSites(t *testing.T) {
	r := newRigs(t, 1, nil)[0]
	req := httptest.NewRequest("POST", "/access/tokens", strings.NewReader(`{"name": "a", "scopes": ["admin"]}`))
	req.Header.Set("Origin", "https://elsewhere.example")
	w := httptest.NewRecorder()
	if r.handler.ServeHTTP(w, req); w.Code != http.StatusForbidden {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	r.want(passed, "GET", "/id", "", "")
}

// Nor may a page whose name was made to lead to this machine after it was loaded: for its browser it is on its own site.
func TestReboundPages(t *testing.T) {
	r := newRigs(t, 1, nil)[0]
	req := r.request("POST", "/access/tokens", "", `{"name": "a", "scopes": ["admin"]}`)
	req.Host = "evil.example:9095"
	req.Header.Set("Origin", "http://evil.example:9095")
	loopback := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9095}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), http.LocalAddrContextKey, loopback)))
	if w.Code != http.StatusForbidden {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	r.want(passed, "GET", "/id", "", "")
}

// No two names of a set of scopes mean something else than they say.
func TestScopes(t *testing.T) {
	for have, allowed := range map[Scopes]string{
		Read: "read", Pin: "read pin", Add: "read add", Pin | Add: "read pin add pin+add", Admin: "read pin add pin+add admin", 0: "",
	} {
		for need, name := range map[Scopes]string{Read: "read", Pin: "pin", Add: "add", Pin | Add: "pin+add", Admin: "admin"} {
			want := false
			for word := range strings.FieldsSeq(allowed) {
				want = want || word == name
			}
			if got := have.allows(need); got != want {
				t.Errorf("%q allows %s: %t, want %t", fmt.Sprint(have), name, got, want)
			}
		}
	}
}
