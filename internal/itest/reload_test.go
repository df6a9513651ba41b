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

// rereading is a peer whose settings change, and content that it serves.
type rereading struct {
	t       *testing.T
	p       *Peer
	page    string // URL
	content []byte
	dir     string // of the files that the settings name
}

func startRereading(t *testing.T, c *Cluster) rereading {
	t.Helper()
	r := rereading{t, c.Peers[1], "", randomContent(1, 4096), t.TempDir()}
	cid, err := r.p.Add(r.content, "cid-version=1")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(cid)
	r.page = r.p.Gateway + "/ipfs/" + cid
	return r
}

// expect asks for a URL, or for something of the REST API.
func (r rereading) expect(url, token string, want int) {
	r.t.Helper()
	if strings.HasPrefix(url, "/") {
		url = r.p.REST + url
	}
	Eventually(r.t, 10*time.Second, func() error { // denylists are read a little later
		if got := statusOf(r.t, url, token); got != want {
			return fmt.Errorf("%s: %d, want %d", url, got, want)
		}
		return nil
	})
}

// write writes a file that the settings name.
func (r rereading) write(name, text string) (file string) {
	r.t.Helper()
	file = filepath.Join(r.dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return file
}

// A peer that is told by SIGHUP takes what has changed in its settings and in the files that they name, goes on serving, says what
// needs a start, and takes nothing of settings that are wrong.
func TestSettingsAreReadAgain(t *testing.T) {
	c := Start(t)
	r := startRereading(t, c)
	long, v := r.page+"?"+strings.Repeat("q", 200), startVisitors(t, 4, 20*time.Millisecond, r.page, r.content)
	r.expect(long, "", http.StatusOK)
	r.expect("/id", "", http.StatusOK)
	first, second := strings.Repeat("first", 8), strings.Repeat("second", 8)
	reread(t, r.p, "take effect when the peer is started again", func(s map[string]any) {
		set(s, "gateway", "max_path_length", 200)
		set(s, "api", "admin_token_file", r.write("token", first))
		set(s, "log", "level", "debug")
		set(s, "", "name", "another")
	})
	expectLogged(t, r.p, "settings=[name]", 1)
	expectLogged(t, r.p, `changed="[gateway.max_path_length api.admin_token_file log.level]"`, 1)
	r.expect(long, "", http.StatusRequestURITooLong)
	r.expect("/id", "", http.StatusUnauthorized)
	r.expect("/id", first, http.StatusOK)
	r.expect("/readyz", "", http.StatusOK)

	r.write("token", second)
	reread(t, r.p, "were read again\" changed=[]", func(map[string]any) {})
	r.expect("/id", first, http.StatusUnauthorized)
	r.expect("/id", second, http.StatusOK)

	reread(t, r.p, "unknown setting", func(s map[string]any) {
		set(s, "gateway", "max_path_length", 8192)
		set(s, "api", "admin_token_file", "")
		set(s, "", "drain_delay", "soon")
		set(s, "", "nonsense", 1)
	})
	expectLogged(t, r.p, "are wrong; nothing has changed", 2)
	r.expect(long, "", http.StatusRequestURITooLong)
	r.expect("/id", "", http.StatusUnauthorized)
	v.await(t, 50)
	v.end()
	r.reset(c)
}

// reset gives the peer an open API again, denies the content and has it stop after a delay of its own.
func (r rereading) reset(c *Cluster) {
	r.t.Helper()
	_, path, _ := strings.Cut(r.page, "/ipfs/")
	r.write("x.deny", "/ipfs/"+path+"\n")
	reread(r.t, r.p, "were read again\" changed=", func(s map[string]any) {
		delete(s, "nonsense")
		set(s, "gateway", "denylist_dir", r.dir)
		set(s, "api", "admin_token_file", "")
		set(s, "", "drain_delay", "3s")
	})
	r.expect(r.page, "", http.StatusGone)
	r.expect("/id", "", http.StatusOK)
	began := time.Now()
	c.Stop(r.p)
	if took := time.Since(began); took < 3*time.Second {
		r.t.Errorf("it stopped after %s, before the new delay was over", took)
	}
	c.Restart(r.p)
	c.AwaitReady(r.p)
}
