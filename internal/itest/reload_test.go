package itest

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// reread changes the settings file of a peer, has it read again and waits until the log says what became of that.
func reread(t *testing.T, p *Peer, says string, change func(settings map[string]any)) {
	t.Helper()
	file, logFile := filepath.Join(p.dir, "underlay.yaml"), filepath.Join(p.dir, "underlay.log")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	settings := make(map[string]any)
	if err := yaml.Unmarshal(raw, &settings); err != nil {
		t.Fatal(err)
	}
	change(settings)
	if raw, err = yaml.Marshal(settings); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(logFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(file, raw, 0o600), syscall.Kill(p.PID, syscall.SIGHUP)); err != nil {
		t.Fatal(err)
	}
	Eventually(t, 20*time.Second, func() error {
		after, err := os.ReadFile(logFile)
		if err == nil && !strings.Contains(string(after[len(before):]), says) {
			err = fmt.Errorf("%q is not in %s", says, after[len(before):])
		}
		return err
	})
}

// set changes a setting; section may be empty.
func set(settings map[string]any, section, name string, value any) {
	if section != "" {
		inner, _ := settings[section].(map[string]any)
		if inner == nil {
			inner = make(map[string]any)
			settings[section] = inner
		}
		settings = inner
	}
	settings[name] = value
}

// statusOf asks with a bearer token, if there is one, on a connection of its own.
func statusOf(t *testing.T, url, token string) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := newClient()
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// A peer that is told by SIGHUP takes what has changed in its settings and in the files that they name, goes on serving, says what
// needs a start, and takes nothing of settings that are wrong.
func TestSettingsAreReadAgain(t *testing.T) {
	c := Start(t)
	p := c.Peers[1]
	content := randomContent(1, 4096)
	cid, err := p.Add(content, "cid-version=1")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(cid)
	expect := func(url, token string, want int) {
		t.Helper()
		if got := statusOf(t, url, token); got != want {
			t.Errorf("%s: %d, want %d", url, got, want)
		}
	}
	page, long := p.Gateway+"/ipfs/"+cid, p.Gateway+"/ipfs/"+cid+"?"+strings.Repeat("q", 200)
	expect(long, "", http.StatusOK)
	v := startVisitors(t, 4, 20*time.Millisecond, page, content)

	dir := t.TempDir()
	tokenFile, denied := filepath.Join(dir, "token"), filepath.Join(dir, "x.deny")
	first, second := strings.Repeat("first", 8), strings.Repeat("second", 8)
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(tokenFile, first)
	reread(t, p, "take effect when the peer is started again", func(s map[string]any) {
		set(s, "gateway", "max_path_length", 200)
		set(s, "api", "admin_token_file", tokenFile)
		set(s, "log", "level", "debug")
		set(s, "", "drain_delay", "2s")
		set(s, "", "name", "another")
	})
	expectLogged(t, p, "settings=[name]", 1)
	expectLogged(t, p, `changed="[drain_delay gateway.max_path_length api.admin_token_file log.level]"`, 1)
	expect(long, "", http.StatusRequestURITooLong)
	expect(p.REST+"/id", "", http.StatusUnauthorized)
	expect(p.REST+"/id", first, http.StatusOK)
	expect(p.REST+"/readyz", "", http.StatusOK)

	write(tokenFile, second)
	reread(t, p, "were read again\" changed=[]", func(map[string]any) {})
	expect(p.REST+"/id", first, http.StatusUnauthorized)
	expect(p.REST+"/id", second, http.StatusOK)

	reread(t, p, "unknown setting", func(s map[string]any) {
		set(s, "gateway", "max_path_length", 8192)
		set(s, "api", "admin_token_file", "")
		set(s, "", "drain_delay", "soon")
		set(s, "", "nonsense", 1)
	})
	expectLogged(t, p, "are wrong; nothing has changed", 2)
	expect(long, "", http.StatusRequestURITooLong)
	expect(p.REST+"/id", "", http.StatusUnauthorized)

	v.await(t, 50)
	v.end()
	if failed := v.failed.Load(); failed > 0 {
		t.Errorf("%d requests of %d have failed meanwhile", failed, v.asked.Load())
	}
	write(denied, "/ipfs/"+cid+"\n")
	reread(t, p, "read again\" changed=", func(s map[string]any) {
		delete(s, "nonsense")
		set(s, "gateway", "max_path_length", 8192)
		set(s, "gateway", "denylist_dir", dir)
		set(s, "api", "admin_token_file", "")
		set(s, "", "drain_delay", "3s")
		set(s, "", "name", p.Name)
	})
	Eventually(t, 20*time.Second, func() error { // the list is read meanwhile
		if got := statusOf(t, long, ""); got != http.StatusGone {
			return fmt.Errorf("what is denied: %d", got)
		}
		return nil
	})
	expect(p.REST+"/id", "", http.StatusOK)

	began := time.Now()
	c.Stop(p)
	if took := time.Since(began); took < 3*time.Second {
		t.Errorf("it stopped after %s, before the new delay was over", took)
	}
	c.Restart(p)
	c.AwaitReady(p)
}
