package monitoring

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/itest"
)

// prometheus is a real one that watches a cluster.
type prometheus struct{ url string }

const configuration = `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%s]
scrape_configs:
  - job_name: underlay
    authorization: {credentials_file: %s}
    static_configs:
      - labels: {cluster: test}
        targets: [%s]
`

// startPrometheus watches the peers until the test ends, with the token in a file.
func startPrometheus(t *testing.T, peers []*itest.Peer, tokenFile string) *prometheus {
	t.Helper()
	program, dir := tool(t, "prometheus"), t.TempDir()
	rules, err := filepath.Abs(filepath.Join(folder, "underlay.rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, p := range peers {
		targets = append(targets, strings.TrimPrefix(p.API, "http://"))
	}
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, fmt.Appendf(nil, configuration, rules, tokenFile, strings.Join(targets, ", ")), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := freeAddr(t)
	cmd := exec.Command(program, "--config.file", file, "--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", addr)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has ended if this fails
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("log of Prometheus:\n%s", readFile(t, filepath.Join(dir, "log")))
		}
	})
	p := &prometheus{"http://" + addr}
	itest.Eventually(t, time.Minute, func() error { return p.get("/api/v1/status/buildinfo", nil) })
	return p
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// get asks for something and decodes the data of the answer, unless that is nil.
func (p *prometheus) get(path string, data any) error {
	resp, err := http.Get(p.url + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("%s: %w: %s", path, err, raw)
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", path, answer.Error)
	}
	if data == nil {
		return nil
	}
	return json.Unmarshal(answer.Data, data)
}

// query evaluates an expression now, and returns how many series it has.
func (p *prometheus) query(expr string) (series int, err error) {
	var found struct{ Result []json.RawMessage }
	err = p.get("/api/v1/query?query="+url.QueryEscape(expr), &found)
	return len(found.Result), err
}

// brokenRules lists the rules that could not be evaluated, and tells how many could.
func (p *prometheus) brokenRules() (good int, broken []string, err error) {
	var found struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	err = p.get("/api/v1/rules", &found)
	for _, g := range found.Groups {
		for _, r := range g.Rules {
			if r.Health == "ok" {
				good++
			} else {
				broken = append(broken, r.Name+" is "+r.Health+": "+r.LastError)
			}
		}
	}
	return good, broken, err
}
