package profile_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/underlay/underlay/proxy/profile"
)

func TestProfiles(t *testing.T) {
	server := httptest.NewServer(profile.Handler())
	defer server.Close()
	for _, c := range []struct {
		path   string
		header map[string]string
		status int
	}{
		{"", nil, http.StatusOK}, {"heap", nil, http.StatusOK}, {"goroutine?debug=2", nil, http.StatusOK}, {"profile?seconds=1", nil, http.StatusOK},
		{"symbol", nil, http.StatusOK}, {"cmdline", nil, http.StatusNotFound}, {"no-such-profile", nil, http.StatusNotFound},
		{"heap", map[string]string{"Sec-Fetch-Site": "same-origin"}, http.StatusOK},
		{"heap", map[string]string{"Sec-Fetch-Site": "cross-site"}, http.StatusForbidden},
		{"heap", map[string]string{"Sec-Fetch-Site": "same-origin", "Host": "rebound.example"}, http.StatusForbidden},
	} {
		req, err := http.NewRequest(http.MethodGet, server.URL+profile.Path+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range c.header {
			req.Header.Set(name, value)
		}
		req.Host = req.Header.Get("Host")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s with %v: %s, want %d", c.path, c.header, resp.Status, c.status)
		}
	}
	resp, err := http.Post(server.URL+profile.Path+"symbol", "text/plain", strings.NewReader("0x1"))
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body.Close(); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("a POST: %s", resp.Status)
	}
}
