package itest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Guessed passwords are counted together on all listeners of a peer, refused once there were too many, and logged once a
// burst without what was guessed; whoever is known meanwhile gets in, and so does everybody with a token.
func TestGuessedPasswordsAreLimitedOnAllListeners(t *testing.T) {
	c := startWithAdmin(t)
	p := c.Peers[0]
	if _, err := p.post("/access/users", `{"name": "alice", "password": "correct horse", "scopes": ["read"]}`); err != nil {
		t.Fatal(err)
	}
	_, token, err := p.MakeToken("reader", `"read"`)
	if err != nil {
		t.Fatal(err)
	}
	urls := []string{p.API + "/id", p.REST + "/id", p.PSA + "/pins", p.API + "/api/v0/version"}
	as := func(url, password string) int {
		method := http.MethodGet
		if strings.Contains(url, "/api/v0/") {
			method = http.MethodPost
		}
		req, err := http.NewRequest(method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("alice", password)
		resp, err := p.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = readAnswer(resp)
		if resp.StatusCode == http.StatusTooManyRequests && resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s refuses without saying for how long", url)
		}
		return resp.StatusCode
	}
	for _, url := range urls {
		if status := as(url, "correct horse"); status != http.StatusOK {
			t.Fatalf("%s answers the right password with %d", url, status)
		}
	}
	counts, last := make(map[int]int), make(map[string]int)
	for n := range 40 {
		url := urls[n%len(urls)]
		last[url] = as(url, fmt.Sprintf("a guessed horse %d", n))
		counts[last[url]]++
	}
	if counts[http.StatusUnauthorized] < 20 || counts[http.StatusTooManyRequests] < 5 || len(counts) != 2 {
		t.Errorf("forty guesses are answered %v", counts)
	}
	for _, url := range urls {
		if last[url] != http.StatusTooManyRequests {
			t.Errorf("%s answers the last guess with %d", url, last[url])
		}
		if status := as(url, "correct horse"); status != http.StatusOK {
			t.Errorf("%s answers who is known with %d", url, status)
		}
	}
	if status, err := p.Try(http.MethodGet, "/id", token); err != nil || !letIn(status) {
		t.Errorf("a token is answered %d, %v", status, err)
	}
	if status, err := c.Peers[1].Try(http.MethodGet, "/id", token); err != nil || !letIn(status) {
		t.Errorf("a token at another peer is answered %d, %v", status, err)
	}
	p.loggedOneBurst(t)
}

// loggedOneBurst checks what the log says of guessed passwords that all have the word horse in them.
func (p *Peer) loggedOneBurst(t *testing.T) {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(p.dir, "underlay.log"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(log), "wrong credential"); n != 1 || strings.Contains(string(log), "horse") {
		t.Errorf("the log has %d bursts, and no secret: %s", n, log)
	}
}
