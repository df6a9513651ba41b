package itest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// unpackReport reads the files of a report by their names.
func unpackReport(t *testing.T, file string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	zipped, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for archive := tar.NewReader(zipped); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(header.Name, ".pprof") {
			content = expand(t, content)
		}
		files[filepath.Base(header.Name)] = string(content)
	}
}

// expand undoes the compression of a profile.
func expand(t *testing.T, content []byte) []byte {
	t.Helper()
	zipped, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(zipped)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// privateKeys are those that a peer has on its disk.
func (p *Peer) privateKeys(t *testing.T) (keys []string) {
	t.Helper()
	pattern := regexp.MustCompile(`(?i)"(?:private_?key|privkey)"\s*:\s*"([^"]+)"`)
	for _, file := range []string{"data/ipfs/config", "data/cluster/identity.json"} {
		raw, err := os.ReadFile(filepath.Join(p.dir, file))
		if err != nil {
			t.Fatal(err)
		}
		found := pattern.FindSubmatch(raw)
		if found == nil {
			t.Fatalf("%s has no private key", file)
		}
		keys = append(keys, string(found[1]))
	}
	return keys
}

// A report has what it promises and no secret, with a leader and without, and only for administrators.
func TestAReportOnAPeer(t *testing.T) {
	const admin, key, auth = "admin-token-of-more-than-32-characters", "key-of-a-remote-service", "secret-of-a-kubo-user"
	settings := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(settings, []byte("api: {admin_token: "+admin+"}\n"+
		"ipfs: {API.Authorizations: {ann: {AuthSecret: 'bearer:"+auth+"', AllowedPaths: [/api/v0/id]}}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Start(t, "--config", settings)
	c.As(admin)
	p := c.Peers[0]
	_, token, err := p.MakeToken("reader", `"read"`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.RPC("pin/remote/service/add", "arg=remote", "arg=https://remote.example", "arg="+key); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(p.dir, "underlay.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	secret := regexp.MustCompile(`[0-9a-f]{64}`).FindString(string(raw))
	secrets := append(p.privateKeys(t), admin, key, auth, token, secret)
	if slices.Contains(secrets, "") {
		t.Fatalf("secrets of the test: %q", secrets)
	}
	u := newUser(t)
	u.env = append(u.env, "UNDERLAY_API="+p.API, "UNDERLAY_TOKEN="+admin)
	check := func(name string, parts map[string]string) {
		t.Helper()
		u.must("diag", "--cpu=100ms", name)
		files := unpackReport(t, filepath.Join(u.dir, name))
		for part, want := range parts {
			if !strings.Contains(files[part], want) {
				t.Errorf("%s: %s lacks %q: %.400s", name, part, want, files[part])
			}
		}
		for part, content := range files {
			for _, s := range secrets {
				if strings.Contains(content, s) {
					t.Errorf("%s: %s has the secret %q", name, part, s)
				}
			}
		}
		if t.Failed() {
			t.Logf("%s: faults: %s", name, files["faults.txt"])
		}
	}
	always := map[string]string{
		"version.txt": "underlay ", "settings.yaml": "admin_token: ", "goroutines.txt": "goroutine ", "log.txt": "the cluster has a leader",
		"heap.pprof": "inuse_space", "cpu.pprof": "samples", "limits.txt": "Max open files", "disk.txt": "underlay-blocks",
		"consensus.json": `"term"`, "faults.txt": "",
	}
	with := map[string]string{"peers.json": c.Peers[2].ID, "kubo-config.json": "remote.example", "health.json": ""}
	for part, want := range always {
		with[part] = want
	}
	check("with.tar.gz", with)
	if out := u.run("", "--token", token, "diag", "denied.tar.gz"); out.code != 5 {
		t.Errorf("a reader's report: %+v", out)
	}
	for path, want := range map[string]int{"/debug/pprof/heap": 200, "/debug/pprof/": 200, "/debug/pprof/cmdline": 404, "/debug/diag?cpu=2h": 400} {
		if got, err := p.Try(http.MethodGet, path, admin); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", path, got, err, want)
		}
		if got, err := p.Try(http.MethodGet, path, token); err != nil || got != http.StatusForbidden {
			t.Errorf("%s for a reader: %d, %v", path, got, err)
		}
	}
	c.KillAll(c.Peers[1:]...)
	Eventually(t, 30*time.Second, func() error {
		body, err := p.Do("GET", "/health/consensus")
		if err != nil {
			return err
		}
		var answer struct{ Leader string }
		if err := json.Unmarshal(body, &answer); err != nil || answer.Leader != "" {
			return fmt.Errorf("there is a leader: %s, %v", body, err)
		}
		return nil
	})
	check("without.tar.gz", always)
	for _, q := range c.Peers[1:] {
		c.Restart(q)
	}
	c.AwaitReady(c.Peers...)
}
