package itest

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// tries are requests to both APIs that need no more than the scope read.
func tries() map[string]string {
	return map[string]string{"/api/v0/pin/ls": http.MethodPost, "/pins": http.MethodGet, "/id": http.MethodGet}
}

// everywhere fails the test unless every peer answers every request with a status.
func everywhere(t *testing.T, peers []*Peer, token string, want func(status int) bool) {
	t.Helper()
	for _, p := range peers {
		for url, method := range tries() {
			if got, err := p.Try(method, url, token); err != nil || !want(got) {
				t.Errorf("%s through %s: %d, %v", url, p.Name, got, err)
			}
		}
	}
}

// turnedAway also when a test has used up its attempts.
func turnedAway(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusTooManyRequests
}

func letIn(status int) bool { return status == http.StatusOK || status == http.StatusNoContent }

// The first credential closes all peers at once; what is made through one is good on all, and revoked on all when that is
// acknowledged, however many requests are on their way; a peer that was frozen meanwhile does not let it in either.
func TestCredentialsOfACluster(t *testing.T) {
	t.Parallel() // it waits most of the time
	c := Start(t)
	everywhere(t, c.Peers, "", letIn)
	_, admin, err := c.Peers[0].MakeToken("admin", `"admin"`)
	if err != nil {
		t.Fatal(err)
	}
	everywhere(t, c.Peers, "", turnedAway)
	c.AwaitReady(c.Peers...) // a balancer has no credential
	c.As(admin)

	id, token, err := c.Peers[0].MakeToken("reader", `"read"`)
	if err != nil {
		t.Fatal(err)
	}
	everywhere(t, c.Peers, token, letIn)
	if status, err := c.Peers[1].Try(http.MethodPost, "/api/v0/repo/gc", token); err != nil || status != http.StatusForbidden {
		t.Errorf("a reader collects garbage: %d, %v", status, err)
	}
	if _, err := c.Peers[1].RPC("repo/gc"); err != nil { // all peers have a part in it, and were asked by one of them
		t.Errorf("the administrator collects garbage: %v", err)
	}
	if _, err := c.Peers[0].call(c.Peers[2].ID, "id", nil); err != nil {
		t.Errorf("through one peer to another: %v", err)
	}
	revokeUnderLoad(t, c, id, token)
	revokeWhileFrozen(t, c)

	c.Kill(c.Peers[2])
	c.Restart(c.Peers[2])
	c.AwaitReady(c.Peers[2])
	everywhere(t, c.Peers, token, turnedAway)
	everywhere(t, c.Peers, "", turnedAway)
	everywhere(t, c.Peers, admin, letIn)
}

// Without a majority a peer cannot tell what was revoked and refuses; its operator still gets in.
func TestCredentialsWithoutAMajority(t *testing.T) {
	t.Parallel() // it waits most of the time
	const admin = "admin-token-of-more-than-32-characters"
	c := Start(t, "--config", settingsOf(t, "api:\n  admin_token: "+admin+"\n"))
	c.As(admin)
	_, token, err := c.Peers[0].MakeToken("reader", `"read"`)
	if err != nil {
		t.Fatal(err)
	}
	last := c.Peers[0]
	if status, err := last.Try(http.MethodGet, "/version", token); err != nil || !letIn(status) {
		t.Fatalf("%d, %v", status, err)
	}
	c.KillAll(c.Peers[1], c.Peers[2])
	Eventually(t, 20*time.Second, func() error {
		status, err := last.Try(http.MethodGet, "/version", token)
		if err == nil && status != http.StatusServiceUnavailable {
			err = fmt.Errorf("alone, with a token: %d", status)
		}
		return err
	})
	if status, err := last.Try(http.MethodGet, "/version", admin); err != nil || !letIn(status) {
		t.Errorf("alone, with the admin token: %d, %v", status, err)
	}
	if status, err := last.Try(http.MethodGet, "/version", ""); err != nil || !turnedAway(status) {
		t.Errorf("alone, with nothing: %d, %v", status, err)
	}
	for _, p := range c.Peers[1:] {
		c.Restart(p)
	}
	c.AwaitReady(c.Peers...)
	everywhere(t, c.Peers, token, letIn)
}

// revokeUnderLoad revokes a token while clients use it on all peers: no request that begins after the answer is let in.
func revokeUnderLoad(t *testing.T, c *Cluster, id, token string) {
	t.Helper()
	var revoked, stop atomic.Bool
	var before, after atomic.Int64
	var running sync.WaitGroup
	for _, p := range c.Peers {
		for range 4 {
			running.Go(func() {
				for !stop.Load() {
					late := revoked.Load()
					status, err := p.Try(http.MethodGet, "/id", token)
					switch {
					case late && letIn(status):
						t.Errorf("%s lets a revoked token in", p.Name)
					case late:
						after.Add(1)
					case err == nil && letIn(status):
						before.Add(1)
					}
				}
			})
		}
	}
	Eventually(t, 20*time.Second, func() error {
		if before.Load() < 100 {
			return fmt.Errorf("%d requests", before.Load())
		}
		return nil
	})
	began := time.Now()
	if _, err := c.Peers[1].Do(http.MethodDelete, "/access/tokens/"+id); err != nil {
		t.Error(err)
	}
	revoked.Store(true)
	t.Logf("revoked on three peers in %s", time.Since(began))
	Eventually(t, 20*time.Second, func() error {
		if after.Load() < 100 {
			return fmt.Errorf("%d requests", after.Load())
		}
		return nil
	})
	stop.Store(true)
	running.Wait()
}

// revokeWhileFrozen revokes a token that a frozen peer knows. When it goes on it has heard nothing, and no time has passed
// for it.
func revokeWhileFrozen(t *testing.T, c *Cluster) {
	t.Helper()
	id, token, err := c.Peers[0].MakeToken("frozen", `"read"`)
	if err != nil {
		t.Fatal(err)
	}
	frozen := c.Peers[2]
	if status, err := frozen.Try(http.MethodGet, "/id", token); err != nil || !letIn(status) {
		t.Fatalf("%d, %v", status, err)
	}
	c.Pause(frozen)
	began := time.Now()
	Eventually(t, time.Minute, func() error { // it may have been the leader
		_, err := c.Peers[0].Do(http.MethodDelete, "/access/tokens/"+id)
		if gone, ok := err.(*StatusError); ok && gone.Code == http.StatusNotFound {
			return nil
		}
		return err
	})
	t.Logf("revoked while a peer is frozen in %s", time.Since(began))
	c.Resume(frozen)
	for range 50 {
		if status, err := frozen.Try(http.MethodGet, "/id", token); err == nil && letIn(status) {
			t.Fatal("a peer that was frozen lets in what was revoked meanwhile")
		}
	}
	c.AwaitReady(frozen)
	if status, err := frozen.Try(http.MethodGet, "/id", token); err != nil || !turnedAway(status) {
		t.Errorf("once it knows: %d, %v", status, err)
	}
}

// Stock clients work with tokens and with users; wrong credentials are limited, and that does not hurt the good ones.
func TestStockClientsWithCredentials(t *testing.T) {
	const admin = "admin-token-of-more-than-32-characters"
	c := Start(t, "--config", settingsOf(t, "api:\n  admin_token: "+admin+"\n"))
	c.As(admin)
	_, token, err := c.Peers[0].MakeToken("ci", `"add", "pin"`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Peers[1].post("/access/users", `{"name": "alice", "password": "correct horse", "scopes": ["add", "pin"]}`); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	for i, credential := range []string{"bearer:" + token, "basic:anybody:" + token, "basic:alice:correct horse"} {
		if err := os.WriteFile(file, fmt.Append(nil, "content ", i), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, p := range c.Peers {
			cid := strings.TrimSpace(IPFS(t, "--api", Multiaddr(p.API), "--api-auth", credential, "add", "-Q", file))
			if list := IPFS(t, "--api", Multiaddr(p.API), "--api-auth", credential, "pin", "ls", "--type=recursive"); !strings.Contains(list, cid) {
				t.Errorf("%s through %s: pinned are %s", credential, p.Name, list)
			}
			if user, ok := strings.CutPrefix(credential, "basic:"); ok {
				status := Ctl(t, "--host", Multiaddr(p.REST), "--force-http", "--basic-auth", user, "status", cid)
				if !strings.Contains(status, "PINNED") {
					t.Errorf("%s through %s: status %s", credential, p.Name, status)
				}
			}
			c.acked[cid] = true
		}
	}
	curl(t, c.Peers[1], "-u", "alice:correct horse")
	curl(t, c.Peers[2], "-H", "Authorization: Bearer "+token)
	limits(t, c.Peers[0], token)
	log, err := os.ReadFile(filepath.Join(c.Peers[0].dir, "underlay.log"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(log), "wrong credential") != 1 || strings.Contains(string(log), "guessed") {
		t.Errorf("the log has each burst once and no secret: %s", log)
	}
}

func curl(t *testing.T, p *Peer, args ...string) {
	t.Helper()
	program, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("needs curl")
	}
	out, err := exec.Command(program, append(args, "-sf", p.API+"/access/self")...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"scopes":["pin","add"]`) {
		t.Errorf("curl %v: %v %s", args, err, out)
	}
}

func limits(t *testing.T, p *Peer, token string) {
	t.Helper()
	counts := make(map[int]int)
	for n := range 30 {
		status, err := p.Try(http.MethodGet, "/id", fmt.Sprint("guessed", n))
		if err != nil {
			t.Fatal(err)
		}
		counts[status]++
	}
	if counts[http.StatusUnauthorized] < 20 || counts[http.StatusTooManyRequests] < 5 || len(counts) != 2 {
		t.Errorf("thirty guesses are answered %v", counts)
	}
	if status, err := p.Try(http.MethodGet, "/id", token); err != nil || !letIn(status) {
		t.Errorf("a good token is answered %d, %v", status, err)
	}
}

// settingsOf writes a settings file.
func settingsOf(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "underlay.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A peer that others can reach does not start before somebody has said who may use it.
func TestNoOpenBinding(t *testing.T) {
	short := settingsOf(t, "too short")
	for _, r := range []struct {
		name  string
		flags []string
		says  []string
	}{
		{"open to everybody", nil, []string{"api.listen", "api.admin_token_file", "api.trust_network"}},
		{"REST open to everybody", []string{"--api-listen", "127.0.0.1:0", "--api-rest-listen", "0.0.0.0:0"}, []string{"api.rest_listen"}},
		{"short token", []string{"--api-admin-token-file", short}, []string{"api.admin_token_file", "at least 32"}},
		{"no token", []string{"--api-admin-token-file", short + ".absent"}, []string{"api.admin_token_file", "no such file"}},
		{"no certificate", []string{"--api-trust-network", "--api-tls-cert", short, "--api-tls-key", short}, []string{short}},
	} {
		flags := flagsFor(t, filepath.Join(t.TempDir(), "data"))
		for i, flag := range flags {
			if i > 0 && flags[i-1] == "--api-listen" {
				flags[i] = strings.Replace(flag, "127.0.0.1", "0.0.0.0", 1)
			}
		}
		code, out := daemon(t, append(flags, r.flags...)...)
		if code != 2 {
			t.Errorf("%s: exit code %d: %s", r.name, code, out)
		}
		for _, want := range r.says {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q is not in %s", r.name, want, out)
			}
		}
	}
}
