package access

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// FuzzEntrance: only the health routes are open, under whatever name a request finds, no name makes the tables fail, and no
// header but the right one lets anybody in, or ends the process.
func FuzzEntrance(f *testing.F) {
	for _, path := range []string{"/health", "/health/", "//health", "health", "/api/v0/cat", "*", "", "/pins/%2e%2e/x", "/api/v0/pin/ls/../../config"} {
		f.Add("GET", path, "")
		f.Add("POST", path, "Bearer ")
	}
	for _, header := range []string{"Bearer ul_", "Basic ", "Basic Og==", "Basic YTo=", "bearer\x00", "Bearer " + newToken()} {
		f.Add("GET", "/id", header)
	}
	n, r := newNeeds(), newRigs(f, 1, withAdmin)[0]
	f.Fuzz(func(t *testing.T, method, path, header string) {
		need, known := n.of(&http.Request{Method: method, URL: &url.URL{Path: path}})
		if need == open && !slices.Contains([]string{"/health", "/healthz", "/readyz"}, strings.TrimSuffix(path, "/")) {
			t.Errorf("%s %q is open", method, path)
		}
		if !known && need != Admin {
			t.Errorf("%s %q is unknown and needs only %q", method, path, need)
		}
		if strings.HasPrefix(strings.ToLower(header), "basic") {
			return // a password costs too long to try many; that it is wrong is tested elsewhere
		}
		req := httptest.NewRequest("GET", "/id", nil)
		req.Header["Authorization"] = []string{header}
		w := httptest.NewRecorder()
		if r.handler.ServeHTTP(w, req); w.Code != http.StatusUnauthorized && w.Code != http.StatusTooManyRequests && !strings.Contains(header, adminToken) {
			t.Errorf("%q: %d", header, w.Code)
		}
	})
}

// FuzzWish: a body is taken or refused, whatever it is, and what is taken is a credential that works.
func FuzzWish(f *testing.F) {
	for _, seed := range []string{`{"name": "a", "scopes": ["read"]}`, `{}`, `null`, `[]`, `{"name": "a", "scopes": null}`,
		`{"name": "a", "scopes": ["read"], "expires": "2100-01-01T00:00:00Z"}`, `{"name": "a", "scopes": ["read"], "expire_in": "1h"}`} {
		f.Add(seed)
	}
	r := newRigs(f, 1, withAdmin)[0]
	f.Fuzz(func(t *testing.T, body string) {
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, r.request("POST", "/access/tokens", adminToken, body))
		if w.Code != http.StatusCreated && (w.Code < 400 || w.Code >= 500) && w.Code != http.StatusInsufficientStorage {
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
	})
}
