package access

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	kuboconfig "github.com/ipfs/kubo/config"
	"golang.org/x/crypto/bcrypt"
)

const adminToken = "0123456789abcdef0123456789abcdef"

func withAdmin(o *Options) { o.AdminToken = adminToken }

// Without any credential everything passes where that was said, and nothing where it was not; health always does.
func TestWithoutCredentials(t *testing.T) {
	for _, open := range []bool{true, false} {
		r := newRigs(t, 1, func(o *Options) { o.Open = open })[0]
		want := passed
		if !open {
			want = http.StatusUnauthorized
		}
		r.want(want, "DELETE", "/peers/x", "", "")
		r.want(want, "POST", "/api/v0/config/show", "", "")
		r.want(passed, "GET", "/health", "", "")
		if r.guard.Closed(Terms{Open: open}) == open {
			t.Errorf("open %t: closed is %t", open, !open)
		}
	}
}

// Other terms hold at once: the token before is unknown then, and credentials of the cluster stay.
func TestTermsAreReplaced(t *testing.T) {
	r := newRigs(t, 1, withAdmin)[0]
	_, token := r.token(adminToken, `"read"`)
	other := strings.Repeat("other", 8)
	r.want(http.StatusUnauthorized, "GET", "/id", other, "")
	r.guard.Use(Terms{AdminToken: other})
	r.want(passed, "GET", "/id", other, "")
	r.want(http.StatusUnauthorized, "GET", "/id", adminToken, "")
	r.want(passed, "GET", "/id", token, "")
	r.guard.Use(Terms{Open: true})
	r.want(http.StatusUnauthorized, "GET", "/id", "", "")
	if r.guard.Closed(Terms{}) {
		t.Error("nobody could get in, although there is a token")
	}
}

// A credential is found in whatever way a client can send it.
func TestWaysToSendACredential(t *testing.T) {
	r := newRigs(t, 1, withAdmin)[0]
	_, token := r.token(adminToken, `"read"`)
	r.want(http.StatusCreated, "POST", "/access/users", adminToken, `{"name": "alice", "password": "correct horse:battery", "scopes": ["read"]}`)
	for credential, want := range map[string]int{
		adminToken:                     passed,
		"anybody:" + adminToken:        passed,
		token:                          passed,
		"anybody:" + token:             passed,
		"alice:correct horse:battery":  passed,
		"":                             http.StatusUnauthorized,
		"alice:":                       http.StatusUnauthorized,
		"alice:correct horse":          http.StatusUnauthorized,
		"bob:correct horse:battery":    http.StatusUnauthorized,
		"alice:correct horse:battery ": http.StatusUnauthorized,
		newToken():                     http.StatusUnauthorized,
		"anybody:" + newToken():        http.StatusUnauthorized,
		token[:len(token)-1]:           http.StatusUnauthorized,
		adminToken[1:]:                 http.StatusUnauthorized,
	} {
		if w := r.ask("GET", "/id", credential, ""); w.Code != want {
			t.Errorf("%q: %d %s, want %d", credential, w.Code, w.Body, want)
		}
	}
	for header, want := range map[string]int{
		"bearer " + token: passed, "BEARER  " + token: passed, "Digest " + token: http.StatusUnauthorized, token: http.StatusUnauthorized,
		"Basic %%%": http.StatusUnauthorized,
	} {
		req := httptest.NewRequest("GET", "/id", nil)
		req.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		if r.handler.ServeHTTP(w, req); w.Code != want {
			t.Errorf("%q: %d %s, want %d", header, w.Code, w.Body, want)
		}
	}
}

// Each API is told in its own form; what a scope lacks is named, and no answer or log repeats a secret.
func TestRefusalsAreInTheFormOfTheirAPI(t *testing.T) {
	r := newRigs(t, 1, withAdmin)[0]
	_, token := r.token(adminToken, `"read"`)
	for _, c := range []struct {
		method, path, credential string
		status                   int
		form, says               string
	}{
		{"POST", "/api/v0/pin/add", "", 401, "Message", "credential"},
		{"POST", "/api/v0/pin/add", "guessed", 401, "Message", "unknown or was revoked"},
		{"POST", "/api/v0/pin/add", token, 403, "Message", "lacks the scope that this needs: pin"},
		{"POST", "/api/v0/files/write", token, 403, "Message", "pin and add"},
		{"POST", "/pins/x", "", 401, "message", "credential"},
		{"POST", "/pins/x", "alice:guessed", 401, "message", "user or the password"},
		{"POST", "/pins/x", token, 403, "message", "pin"},
		{"POST", "/psa/pins", token, 403, "error", "pin"},
		{"GET", "/psa/pins", "", 401, "error", "credential"},
		{"POST", "/no/such/route", token, 403, "message", "admin"},
		{"POST", "/api/v0/no/such/command", token, 403, "Message", "admin"},
	} {
		w := r.ask(c.method, c.path, c.credential, "")
		var body map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatalf("%s: %s: %v", c.path, w.Body, err)
		}
		if w.Code != c.status || body[c.form] == nil || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s with %q: %d %s, want %d, a %q and %q in it", c.path, c.credential, w.Code, w.Body, c.status, c.form, c.says)
		}
		if asks := strings.Join(w.Header().Values("WWW-Authenticate"), ","); (c.status == 401) != (strings.Contains(asks, "Bearer") && strings.Contains(asks, "Basic")) {
			t.Errorf("%s with %q: WWW-Authenticate is %q", c.path, c.credential, asks)
		}
		if strings.Contains(w.Body.String()+r.log.String(), "guessed") {
			t.Error("a secret is repeated")
		}
	}
}

// Kubo's authorizations are paths, on the REST API too, beside credentials of the cluster.
func TestKuboAuthorizations(t *testing.T) {
	r := newRigs(t, 1, func(o *Options) {
		o.Kubo = map[string]*kuboconfig.RPCAuthScope{
			"rpc":  {AuthSecret: "bearer:r", AllowedPaths: []string{"/api/v0"}},
			"pins": {AuthSecret: "basic:p:q", AllowedPaths: []string{"/api/v0/pin", "/pins"}},
			"all":  {AuthSecret: "everything", AllowedPaths: []string{"/"}},
			"none": {AuthSecret: "strange:secret", AllowedPaths: []string{"/"}},
		}
	})[0]
	_, ours := r.token("everything", `"read"`)
	for _, c := range []struct {
		method, path, credential string
		want                     int
	}{
		{"POST", "/api/v0/config/show", "r", passed},
		{"POST", "/api/v0/config/show", "p:q", 403},
		{"POST", "/api/v0/version", "p:q", passed},
		{"POST", "/api/v0/version", "", 403},
		{"POST", "/api/v0/pin/ls", "p:q", passed},
		{"POST", "/api/v0/pin/ls", "secret", 403},
		{"POST", "/api/v0/pin/ls", ours, passed},
		{"POST", "/api/v0/pin/add", ours, 403},
		{"GET", "/pins", "r", 403},
		{"GET", "/pins", "p:q", passed},
		{"DELETE", "/pins/x", "p:q", passed},
		{"GET", "/id", "p:q", 403},
		{"GET", "/id", "", 401},
		{"GET", "/id", ours, passed},
		{"DELETE", "/peers/x", "everything", passed},
		{"GET", "/health", "", passed},
	} {
		w := r.ask(c.method, c.path, c.credential, "")
		if w.Code != c.want {
			t.Errorf("%s with %q: %d %s, want %d", c.path, c.credential, w.Code, w.Body, c.want)
		}
		kubo := strings.HasPrefix(w.Body.String(), kuboRefusal)
		if want := w.Code == 403 && c.credential != ours && strings.HasPrefix(c.path, "/api/v0"); kubo != want {
			t.Errorf("%s with %q: told %q", c.path, c.credential, w.Body)
		}
	}
}

// Wrong credentials are limited by the address they come from; good ones pass from the same address, unless their
// password would have to be looked at first. Each burst is logged once.
func TestAttemptsAreLimited(t *testing.T) {
	r := newRigs(t, 1, withAdmin)[0]
	now := time.Now() // stands still
	r.guard.attempts.now = func() time.Time { return now }
	_, token := r.token(adminToken, `"read"`)
	for _, name := range []string{"alice", "bob"} {
		r.want(http.StatusCreated, "POST", "/access/users", adminToken, `{"name": "`+name+`", "password": "correct horse", "scopes": ["read"]}`)
	}
	r.want(passed, "GET", "/id", "alice:correct horse", "")
	for range attemptBurst {
		r.want(http.StatusUnauthorized, "GET", "/id", newToken(), "")
	}
	w := r.ask("GET", "/id", newToken(), "")
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "3" {
		t.Errorf("above the limit: %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	r.want(passed, "GET", "/id", token, "")
	r.want(passed, "GET", "/id", "alice:correct horse", "") // it was right a moment ago
	for range attemptBurst {
		r.want(http.StatusUnauthorized, "GET", "/id", "mallory:guess", "") // tokens and passwords are counted apart
	}
	r.want(http.StatusTooManyRequests, "GET", "/id", "bob:correct horse", "")
	r.want(http.StatusUnauthorized, "GET", "/id", "", "") // that is no attempt
	other := httptest.NewRequest("GET", "/id", nil)
	other.RemoteAddr = "198.51.100.7:1"
	other.SetBasicAuth("bob", "correct horse")
	got := httptest.NewRecorder()
	if r.handler.ServeHTTP(got, other); got.Code != passed {
		t.Errorf("from another address: %d %s", got.Code, got.Body)
	}
	if lines := strings.Count(r.log.String(), "wrong credential"); lines != 2 {
		t.Errorf("the two bursts are logged %d times: %s", lines, r.log)
	}
	now = now.Add(attemptBurst * attemptPause)
	r.want(passed, "GET", "/id", "bob:correct horse", "")
}

// Good passwords that come at once from one address are one attempt.
func TestManyClientsWithOnePassword(t *testing.T) {
	r := newRigs(t, 1, withAdmin)[0]
	r.want(http.StatusCreated, "POST", "/access/users", adminToken, `{"name": "alice", "password": "correct horse", "scopes": ["read"]}`)
	answers := make(chan int)
	const clients = 5 * attemptBurst
	for range clients {
		go func() { answers <- r.ask("GET", "/id", "alice:correct horse", "").Code }()
	}
	for range clients {
		if status := <-answers; status != passed {
			t.Errorf("a client is answered %d", status)
		}
	}
}

// A password that was right is not checked again, until it is changed; checks of users that do not exist take as long.
func TestPasswords(t *testing.T) {
	r := newRigs(t, 1, withAdmin)[0]
	r.want(http.StatusCreated, "POST", "/access/users", adminToken, `{"name": "alice", "password": "correct horse", "scopes": ["read"]}`)
	r.want(passed, "GET", "/id", "alice:correct horse", "")
	r.guard.passwords.slots = nil // whoever compares now waits for ever
	r.want(passed, "GET", "/id", "alice:correct horse", "")
	r.guard.passwords.slots = make(chan struct{}, 1)
	r.want(http.StatusOK, "PUT", "/access/users/alice", adminToken, `{"password": "battery staple"}`)
	r.want(http.StatusUnauthorized, "GET", "/id", "alice:correct horse", "")
	r.want(passed, "GET", "/id", "alice:battery staple", "")
	if cost, err := bcrypt.Cost([]byte(unknownHash)); err != nil || cost != passwordCost {
		t.Errorf("an unknown user costs %d, %v, a known one %d", cost, err, passwordCost)
	}
}

// A browser asks before it sends a credential.
func TestPreflights(t *testing.T) {
	for _, kubo := range []bool{false, true} {
		r := newRigs(t, 1, func(o *Options) {
			withAdmin(o)
			if kubo {
				o.Kubo = map[string]*kuboconfig.RPCAuthScope{"a": {AuthSecret: "b"}}
			}
		})[0]
		ask := func(path, wants string) int {
			req := httptest.NewRequest("OPTIONS", path, nil)
			req.Header.Set("Access-Control-Request-Method", wants)
			w := httptest.NewRecorder()
			r.handler.ServeHTTP(w, req)
			return w.Code
		}
		if got := ask("/pins", "GET"); got != passed {
			t.Errorf("kubo %t: REST: %d", kubo, got)
		}
		if got := ask("/pins", ""); got != http.StatusUnauthorized {
			t.Errorf("kubo %t: no preflight: %d", kubo, got)
		}
		if got := ask("/api/v0/id", "POST"); (got == http.StatusForbidden) != kubo || (got == passed) == kubo {
			t.Errorf("kubo %t: RPC: %d", kubo, got)
		}
	}
}

// BenchmarkCheck is what the guard adds to a request.
func BenchmarkCheck(b *testing.B) {
	for _, c := range []struct{ name, credential string }{
		{"none exists", ""}, {"admin token", adminToken}, {"token", "token"}, {"password", "alice:correct horse"},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := newRigs(b, 1, func(o *Options) {
				if c.credential != "" {
					o.AdminToken = adminToken
				}
			})[0]
			if c.credential == "token" {
				_, c.credential = r.token(adminToken, `"read"`)
			}
			if strings.Contains(c.credential, ":") {
				r.want(http.StatusCreated, "POST", "/access/users", adminToken, `{"name": "alice", "password": "correct horse", "scopes": ["read"]}`)
			}
			r.want(passed, "GET", "/id", c.credential, "")
			guarded := r.guard.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), Private)
			w, req := httptest.NewRecorder(), r.request("GET", "/pins/x", c.credential, "")
			b.ReportAllocs()
			for b.Loop() {
				guarded.ServeHTTP(w, req)
			}
		})
	}
}
